/** The database that metadata databases of tests are cloned from. */
import { createDataSource } from '@holdfast/platform/db/data-source';
import { migrateUp } from '@holdfast/platform/db/migrate';
import type { PrivatePostgres } from '@holdfast/platform/instances/private-postgres';

export async function makeMetadataTemplate(postgres: PrivatePostgres): Promise<void> {
  await postgres.createDatabase('metadata_template');
  const source = createDataSource({
    url: postgres.url('metadata_template'),
    entities: [],
    applicationName: 'test-setup',
  });
  await source.initialize();
  await migrateUp(source);
  await source.destroy();
}
