/** The API process: read the configuration, build the deps, listen, close on a signal. */
import { AppError } from '@holdfast/contracts/errors';
import { loadConfig } from '@holdfast/platform/config/load-config';
import { createLogger } from '@holdfast/platform/logger';
import { Shutdown } from '@holdfast/platform/shutdown';
import { createApp } from './app.ts';
import { createApiDeps } from './deps.ts';

async function main(): Promise<void> {
  const config = loadConfig();
  const logger = createLogger('api', config.LOG_LEVEL);
  const shutdown = new Shutdown(logger);
  shutdown.listen(config.HOLDFAST_SHUTDOWN_GRACE_SECONDS * 1000);
  const deps = createApiDeps(config, logger);
  shutdown.add('redis', () => {
    for (const connection of [deps.redis, deps.queueConnection, deps.subscriber]) {
      connection.disconnect();
    }
  });
  shutdown.add('queues', () => deps.queues.close());
  shutdown.add('metadata', () => (deps.source.isInitialized ? deps.source.destroy() : undefined));
  const app = await createApp(deps);
  shutdown.add('server', () => app.stop());
  logger.info({ address: await app.start() }, 'listening');
}

main().catch((error: unknown) => {
  process.stderr.write(
    `${error instanceof AppError ? `${error.message}\n${error.remediation}` : String((error as Error).stack)}\n`,
  );
  process.exit(1);
});
