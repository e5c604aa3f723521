/** Whether a dump without rows of some table is the table's own emptiness, or somebody's DDL in the moment the dump began. */
import { AppError } from '@holdfast/contracts/errors';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import { findReplacedTables } from '@holdfast/platform/pgtools/replaced-tables';
import type { ResolvedSelection } from '@holdfast/platform/pgtools/resolve-selection';
import type { WrittenArchive } from '../archives/index.ts';

/** @throws AppError TOOL_FAILED, to be tried again, naming the tables whose rows may be missing */
export async function refuseReplaced(
  session: DatabaseSession,
  { tables }: Pick<ResolvedSelection, 'tables'>,
  { contents }: Pick<WrittenArchive, 'contents'>,
): Promise<void> {
  const nameOf = ({ schema, name }: { schema: string; name: string }): string =>
    JSON.stringify([schema, name]);
  const empty = new Set(contents.tables.filter(({ rows }) => rows === 0).map(nameOf));
  const replaced = await findReplacedTables(
    session,
    tables.filter((table) => empty.has(nameOf(table))),
  );
  if (replaced.length > 0) {
    const names = replaced.map(({ schema, name }) => `"${schema}.${name}"`).join(', ');
    throw new AppError(
      'TOOL_FAILED',
      `${names} was made anew, truncated or dropped while the dump began, and is in it without a row.`,
      {
        transient: true,
        remediation:
          'Back up while nobody replaces tables, or leave the rows of this one out (excludedTableData).',
      },
    );
  }
}
