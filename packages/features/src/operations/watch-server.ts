/** Looks at what the server does for an operation while no bytes move, at whom it waits for, and at who waits for it. */
import { AppError } from '@holdfast/contracts/errors';
import { Loop } from '@holdfast/platform/loop';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { blockersOf, isServerAtWork, sessionsBlockedBy } from '@holdfast/platform/pgtools/server-backends';
import { BlockingPolicy } from './blocking-policy.ts';
import type { OperationContext } from './operation-context.ts';

const lookEveryMs = 1_000;

export interface ServerWatch {
  /** Adds to a LOCKED error who held the lock when last looked at; other errors stay as they are. */
  explain(error: unknown): unknown;
  /** What the record of the operation should tell, although it succeeds. */
  warnings(): string[];
  stop(): Promise<void>;
}

/** An index that takes an hour to build moves no byte, and is no stall. */
export function watchServer(context: OperationContext, address: DatabaseAddress): ServerWatch {
  let session: DatabaseSession | null = null;
  let blockers: string[] = [];
  const { progress, logger, connect } = context;
  const policy = new BlockingPolicy(context);
  const look = async (): Promise<void> => {
    // Under a name of its own, so that it is not taken for the operation itself.
    session ??= await DatabaseSession.open(address, {
      ...connect,
      applicationName: `${connect.applicationName}~`,
    });
    try {
      if (await isServerAtWork(session, connect.applicationName)) {
        progress.meter.touch();
      }
      const seen = await blockersOf(session, connect.applicationName);
      blockers = seen.length > 0 ? seen : blockers;
      if (policy.isWatching) {
        policy.apply(await sessionsBlockedBy(session, connect.applicationName));
      }
    } catch (error) {
      await session.close();
      session = null;
      throw error;
    }
  };
  const loop = new Loop({ name: 'watch-server', intervalMs: lookEveryMs, logger, task: look });
  loop.start();
  return {
    explain: (error) =>
      error instanceof AppError && error.code === 'LOCKED' && blockers.length > 0
        ? new AppError('LOCKED', `${error.message} The lock was held by ${blockers.join(', ')}.`, {
            cause: error,
          })
        : error,
    warnings: () => policy.warnings,
    stop: async () => {
      await loop.stop();
      await session?.close();
    },
  };
}
