/** Door of the operations feature: what backups, restores, drills and all others share. */
export { enqueueAttempt, type NextAttempt } from './enqueue-operation.ts';
export {
  FencedError,
  HandBackError,
  type OperationContext,
  type OperationDeps,
  RunningOperations,
} from './operation-context.ts';
export { moveFrom } from './operation-store.ts';
export { applicationNamePrefix, isRunning, type OperationTable, operationTables } from './operation-table.ts';
export { type CurrentProgressDeps, readCurrentProgress } from './read-current-progress.ts';
export { type EventDeps, publishCancel, publishOperationEvent } from './publish-event.ts';
export { hasRetryLeft, type RetryPolicy, retryDelayMs } from './retry-delay.ts';
export { type RequestDeps, requestCancel } from './request-cancel.ts';
export { backupMoves, copyMoves, operationMoves, restoreMoves } from './operation.state.ts';
export { acceptOperation, type AcceptedRow } from './accept-operation.ts';
export { claimKey, isKeyTaken, keepAnswer } from './idempotency-key.ts';
export { listOperations, pageOf } from './list-operations.ts';
export { operationColumns, type OperationRow, presentOperation } from './operation-columns.ts';
