/** Brings the metadata schema up or down, one process at a time. */
import type { DataSource } from 'typeorm';

const migrationLock = 7_301_001;

/** Runs the migrations that are missing; other processes that start at the same time wait for it. */
export async function migrateUp(dataSource: DataSource): Promise<string[]> {
  return await underLock(dataSource, async () =>
    (await dataSource.runMigrations()).map((migration) => migration.name),
  );
}

/** Undoes the newest migration. */
export async function migrateDown(dataSource: DataSource): Promise<void> {
  await underLock(dataSource, () => dataSource.undoLastMigration());
}

async function underLock<T>(dataSource: DataSource, work: () => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    try {
      return await work();
    } finally {
      await runner.query('SELECT pg_advisory_unlock($1)', [migrationLock]);
    }
  } finally {
    await runner.release();
  }
}
