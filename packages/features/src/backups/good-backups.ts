/** Which backups somebody may rely on, and which of them cleaning up must leave: the one rule, as SQL. Pure. */

/**
 * A failed one never is; neither is one whose file was found damaged, nor one that differs from its database's history until somebody has
 * accepted that, nor one that an admin has yet to trust.
 */
export function isGood(row: string): string {
  return `${row}.status = 'completed' AND ${row}.damaged_at IS NULL AND NOT ${row}.is_anomalous AND ${row}.is_trusted`;
}

const isLater = (row: string, newer: string): string =>
  `(${newer}.completed_at, ${newer}.id) > (${row}.completed_at, ${row}.id)`;

/** What was chosen is the same: of two dumps of parts neither replaces the other. */
const isSameSelection = (row: string, newer: string): string =>
  [
    'backup_type',
    'included_tables',
    'included_schemas',
    'excluded_tables',
    'excluded_table_data',
    'selection_patterns',
  ]
    .map((column) => `${newer}.${column} = ${row}.${column}`)
    .join(' AND ');

/**
 * True where a later good backup holds what this one held: of the same database, with everything or the same selection; and one of the same
 * schedule, where it has one. Only then may it go by itself. An imported file says nothing of what the database is now.
 */
export function hasGoodSuccessor(row: string): string {
  return `EXISTS (SELECT FROM admin_backups newer WHERE newer.database_id = ${row}.database_id AND ${isGood('newer')}
      AND newer.source <> 'imported' AND ${isLater(row, 'newer')}
      AND (newer.backup_type = 'full' AND newer.excluded_table_data = '[]' OR ${isSameSelection(row, 'newer')}))
    AND (${row}.schedule_id IS NULL
      OR EXISTS (SELECT FROM admin_backups newer WHERE newer.schedule_id = ${row}.schedule_id
        AND ${isGood('newer')} AND ${isLater(row, 'newer')}))`;
}
