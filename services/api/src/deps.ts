/** The only place where the API constructs clients. */
import { AuditLogEntity } from '@holdfast/features/audit/index';
import { SessionEntity, UserEntity } from '@holdfast/features/auth/index';
import {
  BackupCopyEntity,
  BackupEntity,
  RebuildEntity,
  VerificationEntity,
} from '@holdfast/features/backups/index';
import { DatabaseEntity } from '@holdfast/features/databases/index';
import { DrillEntity, RestoreEntity, RollbackEntity } from '@holdfast/features/restores/index';
import { SettingsEntity } from '@holdfast/features/settings/index';
import { StorageTargets } from '@holdfast/features/storage/index';
import { Keyring } from '@holdfast/platform/bytes/keyring';
import { type Clock, systemClock } from '@holdfast/platform/clock';
import type { Config } from '@holdfast/platform/config/load-config';
import { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { createDataSource } from '@holdfast/platform/db/data-source';
import type { Logger } from '@holdfast/platform/logger';
import { type ClientPrograms, findClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import { connectRedis } from '@holdfast/platform/queue/connection';
import { type RedisKeys, redisKeys } from '@holdfast/platform/queue/keys';
import { JobQueues } from '@holdfast/platform/queue/queues';
import type { Redis } from 'ioredis';
import type { DataSource, EntitySchema } from 'typeorm';

export interface ApiDeps {
  readonly config: Config;
  readonly source: DataSource;
  readonly redis: Redis;
  readonly queueConnection: Redis;
  readonly subscriber: Redis;
  readonly keys: RedisKeys;
  readonly queues: JobQueues;
  readonly secrets: SecretBox;
  readonly findClients: () => Promise<ClientPrograms[]>;
  readonly storage: StorageTargets;
  /** Usually empty here: identities belong on the workers. */
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called as a named step is reached; tests stop or kill the process there. */
  readonly reached: (step: string) => Promise<void>;
}

const entities: EntitySchema[] = [
  AuditLogEntity,
  SessionEntity,
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

/** Nothing is connected yet but Redis, which connects by itself. */
export function createApiDeps(config: Config, logger: Logger): ApiDeps {
  const keys = redisKeys(config.HOLDFAST_REDIS_PREFIX);
  const queueConnection = connectRedis(config.REDIS_URL, 'queue', logger);
  return {
    config,
    logger,
    keys,
    redis: connectRedis(config.REDIS_URL, 'publisher', logger),
    queueConnection,
    subscriber: connectRedis(config.REDIS_URL, 'subscriber', logger),
    source: createDataSource({
      url: config.METADATA_DATABASE_URL,
      entities,
      applicationName: 'holdfast-api',
    }),
    queues: new JobQueues(queueConnection, keys, logger),
    secrets: new SecretBox(config.HOLDFAST_SECRET_KEY),
    findClients: () => findClientPrograms(config.pgBinDirs),
    storage: new StorageTargets({ endpoint: config.S3_ENDPOINT ?? null, region: config.AWS_REGION }),
    keyring: new Keyring(config.HOLDFAST_ENCRYPTION_IDENTITY ?? null),
    clock: systemClock,
    reached: async () => undefined,
  };
}
