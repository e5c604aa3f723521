/** The worker's door of the operations feature. */
export { type Completion, type OperationWork, runOperation } from './run-operation.ts';
export { watchServer } from './watch-server.ts';
