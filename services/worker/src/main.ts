/** A worker process: read the configuration, build the deps, take jobs, hand back on a signal. */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import { loadConfig } from '@holdfast/platform/config/load-config';
import { createLogger } from '@holdfast/platform/logger';
import { Shutdown } from '@holdfast/platform/shutdown';
import { createWorker } from './app.ts';
import { createWorkerDeps } from './deps.ts';

/** After the grace period, time to end tools and hand the operations back. */
const handBackMs = 10_000;
const schemaPollMs = 500;

async function main(): Promise<void> {
  const config = loadConfig();
  const logger = createLogger('worker', config.LOG_LEVEL);
  const shutdown = new Shutdown(logger);
  shutdown.listen(config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1000 + handBackMs);
  const deps = createWorkerDeps(config, logger);
  shutdown.add('redis', () => {
    for (const connection of [deps.redis, deps.queueConnection, deps.jobConnection, deps.subscriber]) {
      connection.disconnect();
    }
  });
  shutdown.add('queues', () => deps.queues.close());
  await deps.source.initialize();
  shutdown.add('metadata', () => deps.source.destroy());
  // The API brings the schema up; a worker that is quicker waits for it.
  while (await deps.source.showMigrations()) {
    await delay(schemaPollMs);
  }
  const worker = createWorker(deps);
  shutdown.add('worker', () => worker.stop());
  await worker.start();
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof AppError ? `${error.message}\n${error.remediation}` : String((error as Error).stack)}\n`,
  );
  process.exit(1);
});
