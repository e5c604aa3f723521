/** The API as its main.ts starts it, with named steps. */
import { createApp } from '@holdfast/api/app';
import { createApiDeps } from '@holdfast/api/deps';
import { loadConfig } from '@holdfast/platform/config/load-config';
import { createLogger } from '@holdfast/platform/logger';
import { reached } from './steps.ts';

const config = loadConfig();
const logger = createLogger('api', config.LOG_LEVEL);
const deps = { ...createApiDeps(config, logger), reached };
const app = await createApp(deps);
process.once('SIGTERM', () => {
  app.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
logger.info({ address: await app.start() }, 'listening');
