/**
 * Gives the name of a live database to another, in one transaction. Only from refusing connections to that transaction does anybody have to wait.
 * The comments on the databases tell what has happened, also to somebody who comes after a crash.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@holdfast/contracts/errors';
import { systemClock } from '../clock.ts';
import type { ConnectOptions, DatabaseAddress } from './database-address.ts';
import { DatabaseSession, withDatabase } from './database-session.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';
import { mark, type MarkerKind, parseComment, unmark } from './swap-comment.ts';

export interface SwapOptions {
  /** Any database of the server but the two; see `maintenanceAddress`. */
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
  /** By it the comments tell which operation it was. */
  readonly operationId: string;
  readonly live: string;
  /** Becomes the live one. Nobody may be connected to it, us included. */
  readonly incoming: string;
  /** The name that the live one gets; closed to connections from then on. */
  readonly aside: string;
  readonly asideMarker: Extract<MarkerKind, 'kept' | 'undone'>;
  /** What becomes the comment of the new live one, before its marker; null for none. */
  readonly comment: string | null;
  /** For the sessions to end, and again for the locks of the transaction. */
  readonly timeLimitMs: number;
  /** Called when nobody is connected any more, just before the transaction, and right after it. */
  readonly reached: (step: 'swap-closed' | 'swap-committed') => Promise<void>;
  readonly signal: AbortSignal;
}

export interface SwapOutcome {
  /** From refusing connections to taking them again. */
  readonly closedMs: number;
  readonly sessionsEnded: number;
}

const lookEveryMs = 1;

/**
 * Whatever fails, the live database takes connections again afterwards, and is the one or the other as a whole.
 * @throws AppError LOCKED where sessions do not end or a prepared transaction is open, PERMISSION_DENIED, CONNECTION_FAILED
 */
export async function swapDatabases(options: SwapOptions): Promise<SwapOutcome> {
  const { address, connect, operationId } = options;
  const session = await DatabaseSession.open(address, connect);
  try {
    await session.query(`SET lock_timeout = ${options.timeLimitMs}`);
    await session.query(`SET statement_timeout = ${options.timeLimitMs}`);
    await refusePrepared(session, options);
    const startedMs = systemClock.monotonicMs();
    await close(session, options);
    try {
      const sessionsEnded = await emptyBoth(session, options);
      await options.reached('swap-closed');
      options.signal.throwIfAborted();
      await rename(session, options);
      const closedMs = systemClock.monotonicMs() - startedMs;
      await options.reached('swap-committed');
      return { closedMs, sessionsEnded };
    } catch (error) {
      // A session of its own: this one may be what broke. After a COMMIT that went through it finds nothing closed.
      await withDatabase(address, connect, (other) => reopenClosed(other, operationId));
      throw error;
    }
  } finally {
    await session.close();
  }
}

/** `swapped`: the live name leads to what that operation brought. */
export async function readSwapState(
  session: DatabaseSession,
  { operationId, live, aside }: Pick<SwapOptions, 'operationId' | 'live' | 'aside'>,
): Promise<'swapped' | 'not_swapped'> {
  const rows = await session.query<{ name: string; comment: string | null }>(
    `SELECT datname::text AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname IN ($1, $2)`,
    [live, aside],
  );
  const isMarked = (name: string, kinds: readonly MarkerKind[]): boolean =>
    parseComment(rows.find((row) => row.name === name)?.comment ?? null).markers.some(
      (marker) => marker.operationId === operationId && kinds.includes(marker.kind),
    );
  // Names and comments change in one transaction: either is proof, should somebody have rewritten the other.
  return isMarked(live, ['restored']) || isMarked(aside, ['kept', 'undone']) ? 'swapped' : 'not_swapped';
}

/** Takes connections again where an operation that did not come to its swap refused them. Harmless where there is none. */
export async function reopenClosed(session: DatabaseSession, operationId: string): Promise<string[]> {
  const reopened: string[] = [];
  for (const { name, comment } of await listMarked(session, 'closed', operationId)) {
    await inTransaction(session, async () => {
      await session.query(`ALTER DATABASE ${quoteIdentifier(name)} ALLOW_CONNECTIONS true`);
      await setComment(session, name, unmark(comment, ['closed']));
    });
    reopened.push(name);
  }
  return reopened;
}

export interface MarkedDatabase {
  readonly name: string;
  readonly comment: string;
  readonly operationId: string;
}

/** Databases with such a marker, of one operation or of all. */
export async function listMarked(
  session: DatabaseSession,
  kind: MarkerKind,
  operationId: string | null = null,
): Promise<MarkedDatabase[]> {
  const rows = await session.query<{ name: string; comment: string }>(
    `SELECT datname::text AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database
     WHERE position('[Holdfast: ' IN shobj_description(oid, 'pg_database')) > 0`,
  );
  return rows.flatMap(({ name, comment }) => {
    const marker = parseComment(comment).markers.find(
      (candidate) =>
        candidate.kind === kind && (operationId === null || candidate.operationId === operationId),
    );
    return marker === undefined ? [] : [{ name, comment, operationId: marker.operationId }];
  });
}

/** The first of the usual databases that is neither of those to be renamed. @throws AppError CONNECTION_FAILED */
export async function maintenanceAddress(
  address: DatabaseAddress,
  connect: ConnectOptions,
  busy: readonly string[],
): Promise<DatabaseAddress> {
  const [first, ...others] = ['postgres', 'template1'].filter((name) => !busy.includes(name));
  const candidate = { ...address, database: first as string };
  try {
    await withDatabase(candidate, connect, async () => undefined);
    return candidate;
  } catch (error) {
    const [second] = others;
    if (second === undefined) {
      throw error;
    }
    const other = { ...address, database: second };
    await withDatabase(other, connect, async () => undefined);
    return other;
  }
}

async function refusePrepared(session: DatabaseSession, { live, incoming }: SwapOptions): Promise<void> {
  const [prepared] = await session.query<{ gid: string; database: string }>(
    'SELECT gid, database::text FROM pg_prepared_xacts WHERE database IN ($1, $2) LIMIT 1',
    [live, incoming],
  );
  if (prepared !== undefined) {
    throw new AppError(
      'LOCKED',
      `The prepared transaction "${prepared.gid}" is open in database "${prepared.database}"; PostgreSQL renames none while there is one.`,
      {
        transient: false,
        remediation: `COMMIT PREPARED or ROLLBACK PREPARED '${prepared.gid}', then restore again.`,
      },
    );
  }
}

/** Committed before the renames look: a session that got in before is seen by them and ended. */
async function close(session: DatabaseSession, { live, incoming, operationId }: SwapOptions): Promise<void> {
  const comment = await readComment(session, live);
  await inTransaction(session, async () => {
    await setComment(session, live, mark(comment, { kind: 'closed', operationId }, ['closed']));
    await session.query(`ALTER DATABASE ${quoteIdentifier(incoming)} ALLOW_CONNECTIONS false`);
    await session.query(`ALTER DATABASE ${quoteIdentifier(live)} ALLOW_CONNECTIONS false`);
  });
}

interface Connected {
  readonly pid: number;
  readonly description: string;
}

/** Ends the sessions of both, and looks until there is none: the renames would sleep where they met one. */
async function emptyBoth(
  session: DatabaseSession,
  { live, incoming, timeLimitMs, signal }: SwapOptions,
): Promise<number> {
  const ended = new Set<number>();
  const startedMs = systemClock.monotonicMs();
  for (;;) {
    // The renames end autovacuum by themselves, which not every role may.
    const connected = await session.query<Connected>(
      `SELECT pid, format('process %s (user %s, application "%s")', pid, usename, application_name) AS description
       FROM pg_stat_activity WHERE datname IN ($1, $2) AND backend_type <> 'autovacuum worker'`,
      [live, incoming],
    );
    if (connected.length === 0) {
      return ended.size;
    }
    signal.throwIfAborted();
    if (systemClock.monotonicMs() - startedMs > timeLimitMs) {
      throw new AppError(
        'LOCKED',
        `Sessions of database "${live}" did not end within ${timeLimitMs} ms: ${connected.map(({ description }) => description).join(', ')}.`,
        {
          transient: false,
          remediation: 'End them on the server, then restore again; the live database is as it was.',
        },
      );
    }
    const fresh = connected.filter(({ pid }) => !ended.has(pid)).map(({ pid }) => pid);
    if (fresh.length > 0) {
      await session.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid', [fresh]);
      for (const pid of fresh) {
        ended.add(pid);
      }
    }
    await delay(lookEveryMs);
  }
}

async function rename(session: DatabaseSession, options: SwapOptions): Promise<void> {
  const { live, incoming, aside, asideMarker, operationId } = options;
  const former = unmark(await readComment(session, live), ['closed', 'restored']);
  await inTransaction(session, async () => {
    await session.query(`ALTER DATABASE ${quoteIdentifier(live)} RENAME TO ${quoteIdentifier(aside)}`);
    await session.query(`ALTER DATABASE ${quoteIdentifier(incoming)} RENAME TO ${quoteIdentifier(live)}`);
    await setComment(session, aside, mark(former, { kind: asideMarker, operationId }, ['kept', 'undone']));
    await setComment(session, live, mark(options.comment, { kind: 'restored', operationId }, ['restored']));
    await session.query(`ALTER DATABASE ${quoteIdentifier(live)} ALLOW_CONNECTIONS true`);
  });
}

async function readComment(session: DatabaseSession, name: string): Promise<string | null> {
  const { comment } = await session.queryOne<{ comment: string | null }>(
    `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = $1`,
    [name],
  );
  return comment;
}

async function setComment(session: DatabaseSession, name: string, comment: string | null): Promise<void> {
  await session.query(
    `COMMENT ON DATABASE ${quoteIdentifier(name)} IS ${comment === null ? 'NULL' : quoteLiteral(comment)}`,
  );
}

async function inTransaction(session: DatabaseSession, work: () => Promise<void>): Promise<void> {
  await session.query('BEGIN');
  try {
    await work();
    await session.query('COMMIT');
  } catch (error) {
    // Where the session broke, the server has rolled back by itself.
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

export interface NameOptions {
  readonly from: string;
  /** A name that no database has. */
  readonly to: string;
  readonly operationId: string;
}

/** Gives a database of ours its final name and says in the same transaction which operation brought it. */
export async function nameDatabase(
  session: DatabaseSession,
  { from, to, operationId }: NameOptions,
): Promise<void> {
  await inTransaction(session, async () => {
    await session.query(`ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`);
    await setComment(session, to, mark(null, { kind: 'restored', operationId }, []));
  });
}
