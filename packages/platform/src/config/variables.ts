/** Every environment variable Holdfast reads, with its meaning; README's table is made from this list. */
import { type Static, Type } from '@sinclair/typebox';

const Seconds = (byDefault: number, description: string) =>
  Type.Number({ exclusiveMinimum: 0, maximum: 86_400, default: byDefault, description });

export const Variables = Type.Object({
  HOLDFAST_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address the API listens on',
  }),
  HOLDFAST_PORT: Type.Integer({
    default: 4600,
    minimum: 0,
    maximum: 65_535,
    description: 'Port the API listens on',
  }),
  HOLDFAST_DATA_DIR: Type.String({
    default: '.holdfast',
    minLength: 1,
    description: 'Folder for private instances, logs and local storage',
  }),
  METADATA_DATABASE_URL: Type.String({
    pattern: '^postgres(ql)?://',
    description: "PostgreSQL that holds Holdfast's own tables",
  }),
  REDIS_URL: Type.String({ pattern: '^rediss?://', description: 'Redis for the queue and live progress' }),
  TARGET_DATABASE_URL: Type.Optional(
    Type.String({ pattern: '^postgres(ql)?://', description: 'The first database to back up' }),
  ),
  HOLDFAST_STORAGE: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Where backups go until the settings say otherwise: a folder or s3://bucket/prefix; default: backups in the data folder',
    }),
  ),
  S3_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description: "Of an S3-compatible storage, for s3:// URLs that name none; default: Amazon's",
    }),
  ),
  AWS_REGION: Type.String({
    default: 'us-east-1',
    minLength: 1,
    description: 'For s3:// URLs that name no region; credentials come by the other usual AWS variables',
  }),
  HOLDFAST_SECRET_KEY: Type.String({
    minLength: 32,
    description: 'At least 32 characters; wraps stored credentials, signs tokens and manifests',
  }),
  HOLDFAST_ENCRYPTION_RECIPIENTS: Type.Optional(
    Type.String({
      description:
        'age recipients ("age1…"), separated by spaces or commas: new backups are encrypted for all of them unless the request says otherwise',
    }),
  ),
  HOLDFAST_ENCRYPTION_IDENTITY: Type.Optional(
    Type.String({
      pattern: 'AGE-SECRET-KEY-1',
      description:
        'age identities, one a line, which open encrypted backups; needed only by workers that restore, verify or drill',
    }),
  ),
  HOLDFAST_ADMIN_EMAIL: Type.String({
    default: 'admin@localhost',
    minLength: 3,
    description: 'E-mail of the first super-admin',
  }),
  HOLDFAST_ADMIN_PASSWORD: Type.Optional(
    Type.String({
      minLength: 8,
      description: 'Password of the first super-admin; generated and logged once when absent',
    }),
  ),
  HOLDFAST_PG_BIN_DIRS: Type.Optional(
    Type.String({
      description:
        'Folders with PostgreSQL client programs, separated by ":"; searched before the usual ones',
    }),
  ),
  HOLDFAST_SCRATCH_DIR: Type.Optional(
    Type.String({
      minLength: 1,
      description: 'Private folder for short-lived files; default: scratch in the data folder',
    }),
  ),
  HOLDFAST_REDIS_PREFIX: Type.String({
    default: '{holdfast}',
    pattern: '^[\\w{}:.-]+$',
    description:
      'Keeps installations that share a Redis apart; the braces keep its keys on one node of a cluster',
  }),
  HOLDFAST_WORKER_CONCURRENCY: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: 'Operations one worker runs at once; max_concurrent_operations limits the whole cluster',
  }),
  HOLDFAST_LEASE_SECONDS: Seconds(
    30,
    'A worker silent for this long is taken for dead and its operation given to another',
  ),
  HOLDFAST_RECONCILE_SECONDS: Seconds(5, 'How often rows and queue are compared'),
  HOLDFAST_SWEEP_SECONDS: Seconds(60, 'How often what dead attempts left behind is looked for and removed'),
  HOLDFAST_SHUTDOWN_GRACE_SECONDS: Seconds(
    30,
    'How long a running operation may go on after SIGTERM before it is handed back',
  ),
  HOLDFAST_SESSION_HOURS: Type.Number({
    default: 12,
    exclusiveMinimum: 0,
    maximum: 720,
    description: 'How long a sign-in lasts',
  }),
  LOG_LEVEL: Type.String({
    default: 'info',
    pattern: '^(fatal|error|warn|info|debug|trace|silent)$',
    description: 'fatal, error, warn, info, debug, trace or silent',
  }),
});

export type Variables = Static<typeof Variables>;
