/** What the facts of a server mean for whoever relies on its backups: findings, each with cause and remedy. Pure. */
import type { CoverageFinding, FindingKind } from '@holdfast/contracts/coverage';
import type { AppError } from '@holdfast/contracts/errors';
import { isFilteredByRowSecurity, isUnreadable, type Relation } from '@holdfast/platform/pgtools/relations';
import { hiddenRowsError, unreadableTablesError } from '../databases/index.ts';
import type { CataloguedDatabase, DatabaseFacts, ServerWideFacts } from './coverage-facts.ts';

const mostObjects = 20;
const dayMs = 86_400_000;
/** Nobody's recovery point is a week ago on purpose without a schedule that says so. */
const oldDays = 7;

interface Said extends Partial<Pick<CoverageFinding, 'databaseName' | 'objects' | 'count'>> {
  readonly kind: FindingKind;
  readonly severity: CoverageFinding['severity'];
  readonly cause: string;
  readonly remediation: string;
}

export function finding({ objects = [], ...said }: Said): CoverageFinding {
  return {
    databaseName: null,
    count: objects.length,
    ...said,
    objects: objects.slice(0, mostObjects),
  };
}

export function unreachable(databaseName: string | null, error: AppError): CoverageFinding {
  return finding({
    kind: databaseName === null ? 'server_unreachable' : 'database_unreachable',
    severity: 'critical',
    databaseName,
    cause: error.message,
    remediation: error.remediation,
  });
}

/** About the server: databases that nobody registered, and what belongs to no database. */
export function judgeServer(
  { databases, roles, tablespaces }: ServerWideFacts,
  registered: readonly string[],
  newestGlobalsAt: Date | null,
): CoverageFinding[] {
  const missing = databases.filter((name) => !registered.includes(name));
  // Every server has it and most keep nothing in it.
  const serious = missing.filter((name) => name !== 'postgres');
  return [
    ...(missing.length === 0
      ? []
      : [
          finding({
            kind: 'not_registered',
            severity: serious.length > 0 ? 'critical' : 'info',
            objects: missing,
            cause: `${missing.length} of the server's ${databases.length} databases ${missing.length === 1 ? 'is' : 'are'} not registered, so nothing of ${missing.length === 1 ? 'it' : 'them'} is in any backup.`,
            remediation:
              'Register them (POST /databases) and back them up, or know that they are not needed.',
          }),
        ]),
    ...(newestGlobalsAt !== null
      ? []
      : [
          finding({
            kind: 'globals',
            severity: 'warning',
            count: roles + tablespaces,
            cause: `${roles} roles and ${tablespaces} tablespaces belong to the server and are in no backup of it.`,
            remediation:
              'Ask for includeGlobals with a backup or a schedule of one of its databases: a restore elsewhere needs these roles.',
          }),
        ]),
  ];
}

/** About the age of what is in storage. */
export function judgeCatalogue(
  databaseName: string,
  catalogued: CataloguedDatabase,
  now: Date,
): CoverageFinding[] {
  return [...judgeUnaccepted(databaseName, catalogued), ...judgeAge(databaseName, catalogued, now)];
}

function judgeUnaccepted(databaseName: string, { unaccepted }: CataloguedDatabase): CoverageFinding[] {
  return unaccepted === null
    ? []
    : [
        finding({
          kind: 'unaccepted_anomalies',
          severity: 'warning',
          databaseName,
          cause: `Backup ${unaccepted.id}, newer than every good one, differs from this database's history. ${unaccepted.sentence}`,
          remediation:
            'See whether the database is as it should be. If so, accept it (POST /backups/:id/accept-anomalies); else restore what is missing from the newest good backup.',
        }),
      ];
}

function judgeAge(
  databaseName: string,
  { newest, newestFullAt }: CataloguedDatabase,
  now: Date,
): CoverageFinding[] {
  if (newest === null) {
    return [
      finding({
        kind: 'never_backed_up',
        severity: 'critical',
        databaseName,
        cause:
          'It is registered, but there is no good backup of it: none has ever completed, or none is left.',
        remediation: 'Create a backup now and a schedule for the next ones.',
      }),
    ];
  }
  if (newestFullAt === null) {
    return [
      finding({
        kind: 'no_full_backup',
        severity: 'warning',
        databaseName,
        cause: `There are only backups of a part of it, the newest of type ${newest.backupType}.`,
        remediation: 'Create a full backup, so that the whole database can be restored.',
      }),
    ];
  }
  const ageDays = Math.floor((now.getTime() - newestFullAt.getTime()) / dayMs);
  return ageDays < oldDays
    ? []
    : [
        finding({
          kind: 'backup_old',
          severity: 'warning',
          databaseName,
          cause: `The newest full backup is ${ageDays} days old: whatever was written since is in none.`,
          remediation: 'Create a backup now, and see whether a schedule is missing, inactive or failing.',
        }),
      ];
}

/** About what a dump of the database by this role would not hold. */
export function judgeDatabase(databaseName: string, facts: DatabaseFacts): CoverageFinding[] {
  const { name: role } = facts.facts.role;
  const relations = facts.relations.filter((relation) => !relation.isOfExtension);
  const unreadable = facts.relations.filter(isUnreadable);
  const filtered = facts.relations.filter(isFilteredByRowSecurity);
  const about = (kind: FindingKind, severity: CoverageFinding['severity'], of: readonly Relation[]) => ({
    kind,
    severity,
    databaseName,
    objects: of.map(({ schema, name }) => `${schema}.${name}`),
  });
  return [
    ...(unreadable.length === 0
      ? []
      : [
          finding({
            ...about('unreadable_tables', 'critical', unreadable),
            ...inWords(unreadableTablesError(role, unreadable)),
          }),
        ]),
    ...(filtered.length === 0
      ? []
      : [
          finding({
            ...about('row_security', 'critical', filtered),
            ...inWords(hiddenRowsError(role, filtered)),
          }),
        ]),
    ...judgeKinds(relations, facts, about),
    ...judgeLargeObjects(databaseName, facts),
  ];
}

type About = (
  kind: FindingKind,
  severity: CoverageFinding['severity'],
  of: readonly Relation[],
) => Pick<CoverageFinding, 'kind' | 'severity' | 'databaseName' | 'objects'>;

function judgeKinds(
  relations: readonly Relation[],
  { facts }: DatabaseFacts,
  about: About,
): CoverageFinding[] {
  const foreign = relations.filter((relation) => relation.kind === 'foreign_table');
  const servers = [...new Set(foreign.map((relation) => relation.foreignServer ?? 'unknown'))];
  const unlogged = relations.filter((relation) => relation.isUnlogged && relation.kind === 'table');
  return [
    ...(foreign.length === 0
      ? []
      : [
          finding({
            ...about('foreign_tables', 'warning', foreign),
            cause: `Foreign tables are backed up without rows: these lie on ${servers.join(', ')}.`,
            remediation: 'Back up the servers that hold them.',
          }),
        ]),
    ...(unlogged.length === 0
      ? []
      : [
          finding(
            facts.isInRecovery
              ? {
                  ...about('unlogged_tables', 'critical', unlogged),
                  cause: 'A standby has no rows of unlogged tables, so its backups have none.',
                  remediation: 'Back up the primary, or make them permanent: ALTER TABLE … SET LOGGED.',
                }
              : {
                  ...about('unlogged_tables', 'info', unlogged),
                  cause: 'Unlogged tables are in the backups, but the server empties them when it crashes.',
                  remediation: 'Make them permanent where their rows matter: ALTER TABLE … SET LOGGED.',
                },
          ),
        ]),
  ];
}

function judgeLargeObjects(databaseName: string, { facts, largeObjects }: DatabaseFacts): CoverageFinding[] {
  const { count, unreadable } = largeObjects;
  if (unreadable > 0) {
    return [
      finding({
        kind: 'large_objects',
        severity: 'critical',
        databaseName,
        count: unreadable,
        cause: `Role "${facts.role.name}" may not read ${unreadable} of ${count} large objects.`,
        remediation:
          'Back up as their owner or a superuser, or for each: GRANT SELECT ON LARGE OBJECT … TO the role.',
      }),
    ];
  }
  return count === 0
    ? []
    : [
        finding({
          kind: 'large_objects',
          severity: 'info',
          databaseName,
          count,
          cause: `${count} large objects are in full backups, but not in selective or schema-only ones.`,
          remediation: 'Keep full backups of this database.',
        }),
      ];
}

function inWords({ message, remediation }: AppError): Pick<CoverageFinding, 'cause' | 'remediation'> {
  return { cause: message, remediation };
}
