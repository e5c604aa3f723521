/** Which indexes the statements of a list really use, as PostgreSQL plans them. */
import type { ListBackupsQuery } from '@holdfast/contracts/backups';
import { createDataSource } from '@holdfast/platform/db/data-source';
import { Client } from 'pg';
import { BackupEntity } from '../../packages/features/src/backups/backup.entity.ts';
import { listBackups } from '../../packages/features/src/backups/list/list-backups.ts';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: PlanNode[];
}

export async function openExplainer(url: string): Promise<{
  explain: (query: ListBackupsQuery) => Promise<string>;
  close: () => Promise<void>;
}> {
  const statements: { sql: string; values: unknown[] }[] = [];
  const source = createDataSource({ url, entities: [BackupEntity], applicationName: 'bench-explain' });
  source.setOptions({
    logging: ['query'],
    logger: {
      logQuery: (sql: string, values: unknown[] = []) => void statements.push({ sql, values }),
      logQueryError: () => undefined,
      logQuerySlow: () => undefined,
      logSchemaBuild: () => undefined,
      logMigration: () => undefined,
      log: () => undefined,
    },
  });
  await source.initialize();
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    close: async () => {
      await source.destroy();
      await client.end();
    },
    explain: async (query) => {
      statements.length = 0;
      await listBackups(source, query);
      return await explainAll(client, statements);
    },
  };
}

/** In one transaction, since some statements tell the planner what the next ones may do. */
async function explainAll(client: Client, statements: { sql: string; values: unknown[] }[]): Promise<string> {
  const used = new Set<string>();
  await client.query('BEGIN');
  for (const { sql, values } of statements) {
    if (sql.startsWith('SELECT set_config')) {
      await client.query(sql, values);
    } else if (/^(SELECT|WITH)/.test(sql)) {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (FORMAT JSON) ${sql}`,
        values,
      );
      collect((rows[0] as (typeof rows)[0])['QUERY PLAN'][0].Plan, used);
    }
  }
  await client.query('ROLLBACK');
  return [...used].join(', ');
}

function collect(node: PlanNode, used: Set<string>): void {
  if (node['Index Name'] !== undefined) {
    used.add(node['Index Name'].replace('idx_admin_backups_', ''));
  } else if (node['Relation Name'] !== undefined && node['Node Type'] !== 'Bitmap Heap Scan') {
    used.add(`${node['Node Type']} of ${node['Relation Name']}`);
  } else if (node['Node Type'].endsWith('Sort')) {
    used.add(node['Node Type']);
  }
  for (const child of node.Plans ?? []) {
    collect(child, used);
  }
}
