/** createWorker: a table of job name -> handler, and the loops beside it, from the deps it is given. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { OperationRef } from '@holdfast/contracts/operations';
import {
  cleanUpWhenDue,
  dailyKeyCheck,
  mergeBackupCounts,
  removeDeletedBackup,
  removeDeletedCopy,
  runBackupAttempt,
  runCopy,
  runKeyCheck,
  runRebuild,
  runVerification,
  sweepStorage,
} from '@holdfast/features/backups/jobs';
import { HeartbeatObserver, reconcile } from '@holdfast/features/health/index';
import { HandBackError } from '@holdfast/features/operations/index';
import { runOperation, sweepScratchFolders } from '@holdfast/features/operations/jobs';
import {
  runDrill,
  runRestore,
  runRollback,
  sweepRestoredDatabases,
  sweepScratchDatabases,
} from '@holdfast/features/restores/jobs';
import { Loop } from '@holdfast/platform/loop';
import { defineWorker, type JobHandlers } from '@holdfast/platform/queue/define-worker';
import type { WorkerDeps } from './deps.ts';
import { warnOfFlawedClients } from './warn-of-flawed-clients.ts';

export interface HoldfastWorker {
  start(): Promise<void>;
  /** Takes no more jobs, lets those that run finish within the grace period, then hands them back. */
  stop(): Promise<void>;
}

export function createWorker(deps: WorkerDeps): HoldfastWorker {
  const { config, logger } = deps;
  const worker = defineWorker({
    handlers: handlersOf(deps),
    queues: ['operations', 'maintenance', ...(hasIdentity(deps) ? (['keys'] as const) : [])],
    connection: deps.jobConnection,
    keys: deps.keys,
    logger,
    clock: deps.clock,
    concurrency: config.HOLDFAST_WORKER_CONCURRENCY,
    leaseMs: deps.leaseMs,
  });
  const loops = createLoops(deps);
  return {
    start: async () => {
      listenForCancels(deps);
      await warnOfFlawedClients(deps);
      worker.start();
      for (const loop of loops) {
        loop.start();
      }
      logger.info({ workerId: deps.workerId }, 'worker started');
    },
    stop: async () => {
      await Promise.all(loops.map((loop) => loop.stop()));
      const stopped = worker.stop();
      const grace = new AbortController();
      const graceMs = config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1000;
      await Promise.race([
        stopped,
        delay(graceMs, undefined, { signal: grace.signal }).catch(() => undefined),
      ]);
      grace.abort();
      deps.running.abortAll(new HandBackError('the worker shuts down'));
      await stopped;
    },
  };
}

/** What a worker does beside its jobs. */
function createLoops(deps: WorkerDeps): Loop[] {
  const { config, logger } = deps;
  const sweepEveryMs = config.HOLDFAST_SWEEP_SECONDS * 1000;
  const observer = new HeartbeatObserver(deps.leaseMs, deps.clock);
  return [
    new Loop({
      name: 'reconcile',
      intervalMs: config.HOLDFAST_RECONCILE_SECONDS * 1000,
      logger,
      task: () => reconcile({ ...deps, observer }),
    }),
    new Loop({ name: 'sweep-partials', intervalMs: sweepEveryMs, logger, task: () => sweepStorage(deps) }),
    new Loop({
      name: 'sweep-scratch-folders',
      intervalMs: sweepEveryMs,
      logger,
      task: () => sweepScratchFolders(deps),
    }),
    new Loop({
      name: 'clean-up',
      intervalMs: config.HOLDFAST_RECONCILE_SECONDS * 1000,
      logger,
      task: () => cleanUpWhenDue(deps),
    }),
    new Loop({
      name: 'merge-backup-counts',
      intervalMs: sweepEveryMs,
      logger,
      task: () => mergeBackupCounts(deps.source),
    }),
    new Loop({
      name: 'sweep-scratch-databases',
      intervalMs: sweepEveryMs,
      logger,
      task: () => sweepScratchDatabases(deps),
    }),
    new Loop({
      name: 'sweep-restored-databases',
      intervalMs: sweepEveryMs,
      logger,
      task: () => sweepRestoredDatabases(deps),
    }),
    ...(hasIdentity(deps)
      ? [new Loop({ name: 'check-keys', intervalMs: sweepEveryMs, logger, task: dailyKeyCheck(deps) })]
      : []),
  ];
}

/** Whether it can open encrypted backups. */
function hasIdentity({ keyring }: WorkerDeps): boolean {
  return keyring.identities !== null;
}

function handlersOf(deps: WorkerDeps): JobHandlers {
  return {
    'run-backup': ({ backupId, attempt }, signal) =>
      runOperation(
        deps,
        { ref: { kind: 'backup', id: String(backupId) }, attempt, run: runBackupAttempt },
        signal,
      ),
    'run-drill': ({ operationId, attempt }, signal) =>
      runOperation(deps, { ref: { kind: 'drill', id: operationId }, attempt, run: runDrill }, signal),
    'run-verification': ({ operationId, attempt }, signal) =>
      runOperation(deps, { ref: { kind: 'verify', id: operationId }, attempt, run: runVerification }, signal),
    'run-copy': ({ operationId, attempt }, signal) =>
      runOperation(deps, { ref: { kind: 'copy', id: operationId }, attempt, run: runCopy }, signal),
    'run-rebuild': ({ operationId, attempt }, signal) =>
      runOperation(deps, { ref: { kind: 'rebuild', id: operationId }, attempt, run: runRebuild }, signal),
    'run-restore': ({ operationId, attempt }, signal) =>
      runOperation(deps, { ref: { kind: 'restore', id: operationId }, attempt, run: runRestore }, signal),
    'run-rollback': ({ operationId, attempt }, signal) =>
      runOperation(deps, { ref: { kind: 'rollback', id: operationId }, attempt, run: runRollback }, signal),
    'delete-backup': async ({ backupId }) => {
      await removeDeletedBackup(deps, backupId);
      return undefined;
    },
    'delete-copy': async ({ copyId }) => {
      await removeDeletedCopy(deps, copyId);
      return undefined;
    },
    'check-keys': async ({ requestId }) => {
      await runKeyCheck(deps, requestId);
      return undefined;
    },
  };
}

/** Cancels arrive at once by pub/sub; a lost one is found by the next heartbeat. */
function listenForCancels({ subscriber, keys, running, logger }: WorkerDeps): void {
  const channel = keys.channel('cancel');
  subscriber.on('message', (from: string, text: string) => {
    if (from === channel) {
      running.abort(
        JSON.parse(text) as OperationRef,
        new AppError('CANCELLED', 'The operation was cancelled.'),
      );
    }
  });
  subscriber
    .subscribe(channel)
    .catch((error: unknown) => logger.warn({ error }, 'subscribing to cancels failed'));
}
