/** A catalogue of many backups, as years of schedules would leave it. */
import type { TestDatabase } from '@holdfast/testkit/databases';

/** Fills `admin_backups`; indexes are made afterwards, which takes a tenth of the time. */
export async function insertBackups(metadata: TestDatabase, count: number): Promise<void> {
  const indexes = await metadata.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = 'admin_backups' AND indexname LIKE 'idx%'`,
  );
  for (const { name } of indexes) {
    await metadata.query(`DROP INDEX ${name}`);
  }
  await metadata.query(
    `INSERT INTO admin_backups (filename, file_path, display_name, description, backup_type, source, database_name, database_id, tags, created_at,
       status, file_size, duration, checksum_md5, checksum_sha256, manifest, proof_level, completed_at, started_at, compression_type)
     SELECT format('forum_full_%s.dump.zst', n), format('scheduled/daily/forum_full_%s.dump.zst', n),
       format('%s backup of %s %s', CASE WHEN n % 7 = 0 THEN 'Weekly' ELSE 'Nightly' END, (ARRAY['forum', 'shop', 'billing', 'search', 'metrics'])[1 + n % 5], n),
       CASE WHEN n % 1000 = 0 THEN 'Taken before the migration' WHEN n % 20000 = 1 THEN 'After the incident with the elephant' END,
       CASE WHEN n % 4 = 0 THEN 'schema' WHEN n % 25 = 1 THEN 'selective' ELSE 'full' END,
       CASE WHEN n % 10 = 0 THEN 'manual' WHEN n % 997 = 0 THEN 'pre_restore' ELSE 'scheduled' END,
       'forum', 1,
       CASE WHEN n % 1000 = 0 THEN '["daily", "keep"]'::jsonb WHEN n % 7 = 0 THEN '["weekly"]' ELSE jsonb_build_array('daily', 'tenant-' || n % 2000) END,
       now() - (${count} - n) * interval '2 minutes',
       CASE WHEN n % 3 = 0 AND n < ${count} * 0.9 THEN 'deleted' WHEN n % 17 = 0 THEN 'failed' WHEN n % 1999 = 0 THEN 'cancelled' ELSE 'completed' END,
       (hashint4(n)::bigint + 2147483648) / 7, 20 + (hashint4(n + 1)::bigint + 2147483648) % 4000,
       md5(n::text), md5(n::text) || md5(n::text), '{}', 'stored', now(), now(), 'zstd'
     FROM generate_series(1, ${count}) n`,
  );
  for (const { definition } of indexes) {
    await metadata.query(definition);
  }
  await metadata.query('VACUUM ANALYZE');
}
