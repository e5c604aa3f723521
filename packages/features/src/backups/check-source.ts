/** Before a byte is written: may this database be backed up, and would the dump see all of what was asked for? */
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import type { DumpSelection, QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import {
  isFilteredByRowSecurity,
  isUnreadable,
  type Relation,
  readRelations,
} from '@holdfast/platform/pgtools/relations';
import type { DataSource } from 'typeorm';
import { hiddenRowsError, refuseOwnDatabase, unreadableTablesError } from '../databases/index.ts';

export interface CheckedSelection extends DumpSelection {
  /** Tables whose rows are left out. */
  readonly excludedTableData?: readonly QualifiedName[];
}

/**
 * pg_dump would stop at the first such table, in the middle of the backup; here all of them are named, with what to do.
 * @throws AppError INVALID_CONFIG for Holdfast's own database, PERMISSION_DENIED
 */
export async function checkSource(
  metadata: DataSource,
  session: DatabaseSession,
  selection: CheckedSelection,
): Promise<void> {
  await refuseOwnDatabase(metadata, session);
  const relations = (await readRelations(session)).filter((relation) => isDumped(relation, selection));
  const unreadable = relations.filter(
    // Of a sequence only the value needs to be read.
    (relation) => isUnreadable(relation) && !(selection.isSchemaOnly && relation.kind === 'sequence'),
  );
  const filtered = relations.filter(
    (relation) => isFilteredByRowSecurity(relation) && areRowsDumped(relation, selection),
  );
  if (unreadable.length === 0 && filtered.length === 0) {
    return;
  }
  const { role } = await session.queryOne<{ role: string }>('SELECT current_user::text AS role');
  throw unreadable.length > 0 ? unreadableTablesError(role, unreadable) : hiddenRowsError(role, filtered);
}

/** Whether pg_dump will look at it, by its own rules: named tables win over schemas, exclusions over both. */
export function isDumped(relation: QualifiedName, selection: DumpSelection): boolean {
  const { tables = [], schemas = [], excludedTables = [] } = selection;
  if (includes(excludedTables, relation)) {
    return false;
  }
  return tables.length > 0
    ? includes(tables, relation)
    : schemas.length === 0 || schemas.includes(relation.schema);
}

function areRowsDumped(relation: Relation, selection: CheckedSelection): boolean {
  return !selection.isSchemaOnly && !includes(selection.excludedTableData ?? [], relation);
}

function includes(names: readonly QualifiedName[], { schema, name }: QualifiedName): boolean {
  return names.some((other) => other.schema === schema && other.name === name);
}
