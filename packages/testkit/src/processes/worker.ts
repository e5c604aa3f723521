/** A worker as its main.ts starts it, with named steps. */
import { loadConfig } from '@holdfast/platform/config/load-config';
import { createLogger } from '@holdfast/platform/logger';
import { createWorker } from '@holdfast/worker/app';
import { createWorkerDeps } from '@holdfast/worker/deps';
import { reached } from './steps.ts';

const config = loadConfig();
const logger = createLogger('worker', config.LOG_LEVEL);
const deps = { ...createWorkerDeps(config, logger), reached };
await deps.source.initialize();
const worker = createWorker(deps);
process.once('SIGTERM', () => {
  worker.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
await worker.start();
