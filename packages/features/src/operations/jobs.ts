/** The worker's door of the operations feature. */
export { type Completion, type OperationWork, runOperation } from './run-operation.ts';
export { createScratchFolder, sweepScratchFolders } from './scratch-folder.ts';
export { claimPart, runPart } from './run-part.ts';
export { watchServer } from './watch-server.ts';
export { untilMetadataAnswers } from './until-metadata-answers.ts';
