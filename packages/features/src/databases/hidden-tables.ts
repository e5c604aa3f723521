/** What is said of tables that a role can't read, or of which it would see only some rows. Pure. */
import { AppError } from '@holdfast/contracts/errors';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { quoteIdentifier } from '@holdfast/platform/pgtools/quote';

const mostNamed = 5;

/** For example `"public.a", "public.b" and 3 more`. */
export function nameTables(tables: readonly QualifiedName[]): string {
  const named = tables.slice(0, mostNamed).map(({ schema, name }) => `"${schema}.${name}"`);
  const more = tables.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

export function unreadableTablesError(role: string, tables: readonly QualifiedName[]): AppError {
  const [first] = tables as [QualifiedName];
  const grantee = quoteIdentifier(role);
  return new AppError('PERMISSION_DENIED', `Role "${role}" may not read ${nameTables(tables)}.`, {
    remediation: `GRANT pg_read_all_data TO ${grantee} (PostgreSQL 14 and newer), or for each: GRANT USAGE ON SCHEMA ${quoteIdentifier(first.schema)} TO ${grantee}; GRANT SELECT ON ${quoteIdentifier(first.schema)}.${quoteIdentifier(first.name)} TO ${grantee}. Or leave them out of the backup.`,
  });
}

export function hiddenRowsError(role: string, tables: readonly QualifiedName[]): AppError {
  return new AppError(
    'PERMISSION_DENIED',
    `Row-level security hides rows of ${nameTables(tables)} from role "${role}": a backup would silently lack them.`,
    {
      remediation: `ALTER ROLE ${quoteIdentifier(role)} BYPASSRLS (as a superuser), or back up as the tables' owner where the policies are not forced on it, or leave the tables out of the backup.`,
    },
  );
}
