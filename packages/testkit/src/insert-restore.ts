/** A restore as it stands in the catalogue once it has been validated, confirmed and accepted: what a worker takes. */
import type { BackupView } from '@holdfast/contracts/backups';
import type { RestorePlan, RestoreStrategy, RestoreType } from '@holdfast/contracts/restores';
import type { TestStack } from './test-stack.ts';

export interface InsertRestore {
  readonly backup: BackupView;
  readonly strategy: RestoreStrategy;
  readonly targetDatabase: string;
  readonly restoreType?: RestoreType;
  readonly plan?: Partial<RestorePlan>;
  /** Columns of the row. */
  readonly columns?: Readonly<Record<string, unknown>>;
}

/** @returns its operation id */
export async function insertRestore(
  { metadata }: Pick<TestStack, 'metadata'>,
  { backup, strategy, targetDatabase, restoreType = 'full', ...options }: InsertRestore,
): Promise<string> {
  const plan: RestorePlan = {
    strategy,
    steps: [],
    target: { databaseId: backup.databaseId, database: targetDatabase, exists: strategy !== 'new_database' },
    tables: null,
    allowUnpatchedClient: false,
    ...options.plan,
  };
  const columns = {
    display_name: 'test',
    source_backup_id: backup.id,
    source_filename: backup.filename,
    restore_type: restoreType,
    strategy,
    database_id: backup.databaseId,
    target_database: targetDatabase,
    target_key: targetDatabase,
    report_digest: '',
    plan: JSON.stringify(plan),
    create_pre_backup: true,
    ...options.columns,
  };
  const names = Object.keys(columns);
  const [row] = await metadata.query<{ id: string }>(
    `INSERT INTO restore_operations (${names.join(', ')}, initiated_by)
     VALUES (${names.map((_name, index) => `$${index + 1}`).join(', ')}, (SELECT user_id FROM users ORDER BY created_at LIMIT 1))
     RETURNING operation_id AS id`,
    Object.values(columns),
  );
  return (row as { id: string }).id;
}

/** @returns the id of the rollback of a restore */
export async function insertRollback(
  { metadata }: Pick<TestStack, 'metadata'>,
  restoreId: string,
  method: 'swap_back' | 'drop_database',
): Promise<string> {
  const [row] = await metadata.query<{ id: string }>(
    `INSERT INTO restore_rollbacks (restore_operation_id, target_key, method, reason, created_by)
     SELECT operation_id, target_key, $2, 'a test', initiated_by FROM restore_operations WHERE operation_id = $1
     RETURNING operation_id AS id`,
    [restoreId, method],
  );
  return (row as { id: string }).id;
}
