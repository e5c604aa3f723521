/** A session for a quick look at a database while somebody waits for the answer: it ends in time, whatever the server does. */
import { AppError } from '@holdfast/contracts/errors';
import type { ConnectOptions, DatabaseAddress } from './database-address.ts';
import { DatabaseSession } from './database-session.ts';

export interface BoundedOptions extends ConnectOptions {
  /** For connecting and everything asked. */
  readonly timeLimitMs: number;
}

/**
 * Read-only. The server ends a query that runs too long; one that went silent is left behind.
 * @throws AppError TIMEOUT, and whatever opening and `look` throw
 */
export async function lookWithin<T>(
  address: DatabaseAddress,
  options: BoundedOptions,
  look: (session: DatabaseSession) => Promise<T>,
): Promise<T> {
  const { timeLimitMs } = options;
  const opening = DatabaseSession.open(address, {
    ...options,
    connectTimeoutMs: Math.min(options.connectTimeoutMs, timeLimitMs),
  });
  const close = async (): Promise<void> => await (await opening).close();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tookTooLong(address, timeLimitMs)), timeLimitMs);
  });
  const work = async (): Promise<T> => {
    const session = await opening;
    await session.query(`SET statement_timeout = ${timeLimitMs}`);
    await session.query(`SET lock_timeout = ${timeLimitMs}`);
    await session.query('SET default_transaction_read_only = on');
    return await look(session);
  };
  try {
    return await Promise.race([work(), tooLate]);
  } finally {
    clearTimeout(timer);
    // Not waited for: a server that went silent would not let go. Opening has told its failure already.
    close().catch(() => undefined);
  }
}

function tookTooLong(address: DatabaseAddress, timeLimitMs: number): AppError {
  return new AppError(
    'TIMEOUT',
    `Database "${address.database}" on ${address.host}:${address.port} did not answer within ${Math.round(timeLimitMs / 1000)} s.`,
    { remediation: 'Look whether the server is overloaded, frozen, or cut off by a firewall.' },
  );
}
