/** The only place where a worker constructs clients. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { AuditLogEntity } from '@holdfast/features/audit/index';
import { UserEntity } from '@holdfast/features/auth/index';
import {
  BackupCopyEntity,
  BackupEntity,
  RebuildEntity,
  VerificationEntity,
} from '@holdfast/features/backups/index';
import { DatabaseEntity } from '@holdfast/features/databases/index';
import { type OperationDeps, RunningOperations } from '@holdfast/features/operations/index';
import { DrillEntity, RestoreEntity, RollbackEntity } from '@holdfast/features/restores/index';
import { SettingsEntity } from '@holdfast/features/settings/index';
import { Keyring } from '@holdfast/platform/bytes/keyring';
import { StorageTargets } from '@holdfast/features/storage/index';
import { systemClock } from '@holdfast/platform/clock';
import type { Config } from '@holdfast/platform/config/load-config';
import { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { createDataSource } from '@holdfast/platform/db/data-source';
import type { Logger } from '@holdfast/platform/logger';
import { findClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import { connectRedis } from '@holdfast/platform/queue/connection';
import { redisKeys } from '@holdfast/platform/queue/keys';
import { JobQueues } from '@holdfast/platform/queue/queues';
import type { Redis } from 'ioredis';
import type { EntitySchema } from 'typeorm';

export interface WorkerDeps extends OperationDeps {
  readonly config: Config;
  /** For taking jobs: it waits for Redis as long as it takes. */
  readonly jobConnection: Redis;
  readonly queueConnection: Redis;
  readonly subscriber: Redis;
}

const entities: EntitySchema[] = [
  AuditLogEntity,
  UserEntity,
  BackupCopyEntity,
  BackupEntity,
  DatabaseEntity,
  DrillEntity,
  RebuildEntity,
  RestoreEntity,
  RollbackEntity,
  SettingsEntity,
  VerificationEntity,
];

export function createWorkerDeps(config: Config, logger: Logger): WorkerDeps {
  const secrets = new SecretBox(config.HOLDFAST_SECRET_KEY);
  const keys = redisKeys(config.HOLDFAST_REDIS_PREFIX);
  const queueConnection = connectRedis(config.REDIS_URL, 'queue', logger);
  return {
    config,
    logger,
    keys,
    redis: connectRedis(config.REDIS_URL, 'publisher', logger),
    queueConnection,
    jobConnection: connectRedis(config.REDIS_URL, 'queue', logger),
    subscriber: connectRedis(config.REDIS_URL, 'subscriber', logger),
    source: createDataSource({
      url: config.METADATA_DATABASE_URL,
      entities,
      applicationName: 'holdfast-worker',
    }),
    queues: new JobQueues(queueConnection, keys, logger),
    storage: new StorageTargets({ endpoint: config.S3_ENDPOINT ?? null, region: config.AWS_REGION }),
    secrets,
    keyring: new Keyring(config.HOLDFAST_ENCRYPTION_IDENTITY ?? null),
    installation: secrets.installation,
    findClients: () => findClientPrograms(config.pgBinDirs),
    scratchDir: config.scratchDir,
    clock: systemClock,
    workerId: `${hostname()}:${process.pid}:${randomBytes(4).toString('hex')}`,
    leaseMs: config.HOLDFAST_LEASE_SECONDS * 1000,
    running: new RunningOperations(),
    reached: async () => undefined,
  };
}
