/** What a running attempt works with, and the reasons for which it has to stop. */
import type { OperationRef } from '@holdfast/contracts/operations';
import type { Clock } from '@holdfast/platform/clock';
import type { Keyring } from '@holdfast/platform/bytes/keyring';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { Logger } from '@holdfast/platform/logger';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { ConnectOptions } from '@holdfast/platform/pgtools/database-address';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { JobQueues } from '@holdfast/platform/queue/queues';
import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import type { ProgressReporter } from '../progress/index.ts';
import type { SettingsRow } from '../settings/index.ts';
import type { StorageTargets } from '../storage/index.ts';

/** What a worker has and every operation may use. */
export interface OperationDeps {
  readonly source: DataSource;
  readonly queues: JobQueues;
  /** For progress and events; may be unreachable at any time. */
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly storage: StorageTargets;
  readonly secrets: SecretBox;
  /** What opens encrypted backups. */
  readonly keyring: Keyring;
  readonly findClients: () => Promise<ClientPrograms[]>;
  readonly scratchDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly workerId: string;
  /** Six characters that tell this installation from others on the same servers. */
  readonly installation: string;
  readonly leaseMs: number;
  readonly running: RunningOperations;
  /** Called as a named step is reached; tests stop or kill the process there. */
  readonly reached: (step: string) => Promise<void>;
}

export interface OperationContext {
  readonly ref: OperationRef;
  readonly attempt: number;
  /** Of another operation of this worker, which decides what follows when it fails. */
  readonly isPart: boolean;
  readonly signal: AbortSignal;
  readonly progress: ProgressReporter;
  readonly settings: SettingsRow;
  readonly connect: ConnectOptions;
  readonly logger: Logger;
  readonly deps: OperationDeps;
  /** Registers what must be undone when the attempt ends, however it ends; the newest first. */
  readonly onEnd: (undo: Undo) => void;
}

export type Undo = (isCompleted: boolean) => Promise<unknown>;

/** Another attempt, or nobody, holds the operation now: stop, undo what is ours, write nothing. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** This worker shuts down: hand the operation to another. */
export class HandBackError extends Error {
  override readonly name = 'HandBackError';
}

/** The operations that this process runs, so that a cancel or a shutdown reaches them. */
export class RunningOperations {
  readonly #controllers = new Map<string, AbortController>();

  add(ref: OperationRef, controller: AbortController): void {
    this.#controllers.set(`${ref.kind}:${ref.id}`, controller);
  }

  remove(ref: OperationRef): void {
    this.#controllers.delete(`${ref.kind}:${ref.id}`);
  }

  abort(ref: OperationRef, reason: Error): void {
    this.#controllers.get(`${ref.kind}:${ref.id}`)?.abort(reason);
  }

  abortAll(reason: Error): void {
    for (const controller of this.#controllers.values()) {
      controller.abort(reason);
    }
  }

  get count(): number {
    return this.#controllers.size;
  }
}
