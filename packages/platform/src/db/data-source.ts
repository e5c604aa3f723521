/** The one connection pool to the metadata database. */
import { DataSource, type EntitySchema } from 'typeorm';
import { migrations } from './migrations/list.ts';

export interface MetadataOptions {
  readonly url: string;
  readonly entities: EntitySchema[];
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  readonly poolSize?: number;
}

/** A DataSource that is not connected yet: `initialize()` connects. */
export function createDataSource(options: MetadataOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    entities: options.entities,
    migrations,
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
    synchronize: false,
    applicationName: options.applicationName,
    poolSize: options.poolSize ?? 10,
    connectTimeoutMS: 10_000,
    extra: {
      // A connection that dies while idle must not end the process, and a half-open one must be noticed.
      keepAlive: true,
      statement_timeout: 60_000,
      idle_in_transaction_session_timeout: 30_000,
    },
    poolErrorHandler: () => undefined,
  });
}
