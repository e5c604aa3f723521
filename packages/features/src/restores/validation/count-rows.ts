/** Query: how many rows the tables of the target have now, and how many of them the backup cannot have; exact as far as the time goes. */
import type { Manifest } from '@holdfast/contracts/manifest';
import type { AffectedTable } from '@holdfast/contracts/restores';
import { systemClock } from '@holdfast/platform/clock';
import type { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { quoteIdentifier } from '@holdfast/platform/pgtools/quote';
import type { Relation } from '@holdfast/platform/pgtools/relations';

/** For all tables together; what is left then is told by the planner's guess. */
const countWithinMs = 6_000;
/** Somebody may hold a table; its rows are not worth waiting for. */
const lockWaitMs = 300;

export interface CountRowsOptions {
  readonly relations: readonly Relation[];
  readonly manifest: Manifest;
}

interface Witness extends QualifiedName {
  readonly column: string;
  /** Of the sequence that fills the column; null for a time. */
  readonly sequence: QualifiedName | null;
}

export async function countRows(
  session: DatabaseSession,
  { relations, manifest }: CountRowsOptions,
): Promise<AffectedTable[]> {
  const stored = new Map(manifest.tables.map((table) => [keyOf(table), table.rows]));
  const live = relations.filter(({ kind, isOfExtension }) => kind === 'table' && !isOfExtension);
  const witnesses = Map.groupBy(await readWitnesses(session), keyOf);
  const untilMs = systemClock.monotonicMs() + countWithinMs;
  await session.query(`SET lock_timeout = ${lockWaitMs}`);
  const counted: AffectedTable[] = [];
  // Small ones first, so that as many as possible are exact.
  for (const relation of live.toSorted((a, b) => (a.estimatedRows ?? 0) - (b.estimatedRows ?? 0))) {
    counted.push({
      ...(await countTable(session, relation, {
        leftMs: untilMs - systemClock.monotonicMs(),
        condition: conditionOf(witnesses.get(keyOf(relation)) ?? [], manifest),
      })),
      rowsInBackup: stored.get(keyOf(relation)) ?? null,
    });
  }
  const known = new Set(live.map(keyOf));
  const gone = manifest.tables
    .filter((table) => !known.has(keyOf(table)))
    .map(({ schema, name, rows }) => ({
      schema,
      name,
      rowsNow: null,
      rowsNowIsEstimate: false,
      rowsInBackup: rows,
      newerRows: null,
    }));
  return [...counted, ...gone].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function keyOf({ schema, name }: QualifiedName): string {
  return JSON.stringify([schema, name]);
}

/** Columns that tell when a row came or changed, by their name; and those that a sequence fills. */
async function readWitnesses(session: DatabaseSession): Promise<Witness[]> {
  const rows = await session.query<
    QualifiedName & { column: string; sequenceSchema: string | null; sequenceName: string | null }
  >(
    `SELECT nspname::text AS schema, relname::text AS name, attname::text AS column, NULL AS "sequenceSchema", NULL AS "sequenceName"
     FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype)
       AND attname ~* '(creat|insert|added|updat|modif|chang|post|publish|occur)'
     UNION ALL
     SELECT n.nspname, c.relname, attname, sn.nspname, s.relname
     FROM pg_depend d JOIN pg_class s ON s.oid = objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
     JOIN pg_class c ON c.oid = refobjid JOIN pg_namespace n ON n.oid = c.relnamespace
     JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
     WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND c.relkind = 'r'`,
  );
  return rows.map(({ schema, name, column, sequenceSchema, sequenceName }) => ({
    schema,
    name,
    column,
    sequence:
      sequenceSchema === null || sequenceName === null
        ? null
        : { schema: sequenceSchema, name: sequenceName },
  }));
}

interface Condition {
  readonly column: string;
  readonly sql: string;
}

/** What only rows fulfil that came after the backup; null where nothing tells. */
function conditionOf(witnesses: readonly Witness[], manifest: Manifest): Condition | null {
  const values = new Map(manifest.sequences.map((sequence) => [keyOf(sequence), sequence.value]));
  const parts = witnesses.flatMap(({ column, sequence }): Condition[] => {
    const name = quoteIdentifier(column);
    if (sequence === null) {
      return [{ column, sql: `(${name} > '${manifest.backup.startedAt}' AND ${name} <= now())` }];
    }
    // As setval() takes it: whether the value itself has been given out already.
    const [, last, isCalled] = /^(-?\d+), (true|false)$/.exec(values.get(keyOf(sequence)) ?? '') ?? [];
    return last === undefined ? [] : [{ column, sql: `${name} ${isCalled === 'true' ? '>' : '>='} ${last}` }];
  });
  return parts.length === 0
    ? null
    : {
        column: parts.map(({ column }) => column).join(', '),
        sql: parts.map(({ sql }) => sql).join(' OR '),
      };
}

async function countTable(
  session: DatabaseSession,
  { schema, name, estimatedRows, isReadable, isFiltered }: Relation,
  { leftMs, condition }: { readonly leftMs: number; readonly condition: Condition | null },
): Promise<Omit<AffectedTable, 'rowsInBackup'>> {
  const guess = {
    schema,
    name,
    rowsNow: estimatedRows === null ? null : Math.round(estimatedRows),
    rowsNowIsEstimate: true,
    newerRows: null,
  };
  if (leftMs <= 0 || !isReadable || isFiltered) {
    return guess;
  }
  try {
    await session.query(`SET statement_timeout = ${Math.ceil(leftMs)}`);
    const { rows, newer } = await session.queryOne<{ rows: string; newer: string }>(
      `SELECT count(*)::text AS rows, count(*) FILTER (WHERE ${condition?.sql ?? 'false'})::text AS newer
       FROM ONLY ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
    );
    return {
      schema,
      name,
      rowsNow: Number(rows),
      rowsNowIsEstimate: false,
      newerRows: condition === null ? null : { column: condition.column, count: Number(newer) },
    };
  } catch {
    // Locked, too large for the time, or dropped meanwhile: the guess is all that can be told.
    return guess;
  }
}
