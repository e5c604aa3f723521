/** The worker's door of the restores feature. */
export { runDrill } from './run-drill.ts';
export { runRestore } from './run-restore.ts';
export { runRollback } from './run-rollback.ts';
export { sweepRestoredDatabases } from './sweep-restored-databases.ts';
export { sweepScratchDatabases } from './sweep-scratch-databases.ts';
