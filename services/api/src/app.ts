/** createApp: the HTTP server with every feature's routes, the live gateway and the reconciler, from the deps it is given. */
import { authenticate, can, ensureFirstAdmin } from '@holdfast/features/auth/index';
import { authRoutes } from '@holdfast/features/auth/routes';
import { backupRoutes } from '@holdfast/features/backups/routes';
import { registerTarget } from '@holdfast/features/databases/index';
import { databaseRoutes } from '@holdfast/features/databases/routes';
import { HeartbeatObserver, reconcile } from '@holdfast/features/health/index';
import { healthRoutes } from '@holdfast/features/health/routes';
import { readCurrentProgress } from '@holdfast/features/operations/index';
import { openGateway } from '@holdfast/features/progress/gateway';
import { readActiveProgress } from '@holdfast/features/progress/index';
import { restoresRoutes } from '@holdfast/features/restores/routes';
import { settingsRoutes } from '@holdfast/features/settings/routes';
import { readSettings, seedStorageLocation } from '@holdfast/features/settings/index';
import { migrateUp } from '@holdfast/platform/db/migrate';
import { Loop } from '@holdfast/platform/loop';
import type { FastifyInstance } from 'fastify';
import type { ApiDeps } from './deps.ts';
import { createServer } from './http/server.ts';
import { sessionCookie } from './http/session-cookie.ts';

const base = '/api/admin/backup-restore';

export interface App {
  readonly server: FastifyInstance;
  /** Migrates, registers the target and the first admin, then listens; answers the address. */
  start(): Promise<string>;
  stop(): Promise<void>;
}

export async function createApp(deps: ApiDeps): Promise<App> {
  const { config, logger } = deps;
  const server = await createServer(deps);
  const signInDeps = {
    ...deps,
    sessionMs: config.HOLDFAST_SESSION_HOURS * 3_600_000,
    cookieName: sessionCookie,
    isCookieSecure: false,
  };
  await server.register(authRoutes, { ...signInDeps, prefix: '/api/auth' });
  await server.register(healthRoutes, { ...deps, prefix: '/health' });
  await server.register(backupRoutes, {
    ...deps,
    encryptionRecipients: config.encryptionRecipients,
    prefix: base,
  });
  await server.register(settingsRoutes, { ...deps, prefix: base });
  await server.register(databaseRoutes, { ...deps, prefix: base });
  await server.register(restoresRoutes, { ...deps, prefix: base });
  await server.ready();
  const observer = new HeartbeatObserver(config.HOLDFAST_LEASE_SECONDS * 1000, deps.clock);
  const reconciler = new Loop({
    name: 'reconcile',
    intervalMs: config.HOLDFAST_RECONCILE_SECONDS * 1000,
    logger,
    task: () => reconcile({ ...deps, observer }),
  });
  const gateway = await openGateway({
    ...deps,
    httpServer: server.server,
    cookieName: sessionCookie,
    recheckMs: 30_000,
    mayRead: async (token) =>
      can((await authenticate(deps, token)).role, 'backups.read', await readSettings(deps.source)),
    readState: (ref) => readCurrentProgress(deps, ref),
    readActive: () => readActiveProgress(deps.redis, deps.keys),
  });
  return {
    server,
    start: async () => {
      await prepareMetadata(deps);
      reconciler.start();
      return await server.listen({ host: config.HOLDFAST_HOST, port: config.HOLDFAST_PORT });
    },
    stop: async () => {
      await gateway.close();
      await server.close();
      await reconciler.stop();
    },
  };
}

async function prepareMetadata({ source, config, secrets, storage, logger }: ApiDeps): Promise<void> {
  if (!source.isInitialized) {
    await source.initialize();
  }
  const applied = await migrateUp(source);
  if (applied.length > 0) {
    logger.info({ applied }, 'metadata schema brought up to date');
  }
  await seedStorageLocation(source.manager, storage.canonical(config.storage));
  const password = await ensureFirstAdmin(source, {
    email: config.HOLDFAST_ADMIN_EMAIL,
    password: config.HOLDFAST_ADMIN_PASSWORD,
  });
  if (password !== null) {
    // Shown once, on standard output and not in the structured log.
    process.stdout.write(`First sign-in: ${config.HOLDFAST_ADMIN_EMAIL} with password ${password}\n`);
  }
  await registerTarget({ source, secrets }, config.TARGET_DATABASE_URL, config.METADATA_DATABASE_URL);
}
