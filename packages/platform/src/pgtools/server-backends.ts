/** The server's side of our operations: found by application_name and ended when nobody owns them any more. */
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseSession } from './database-session.ts';

/** Ends backends whose application_name starts with `prefix` but is not `except`, in any database; resolves when they are gone. */
export async function terminateBackends(
  session: DatabaseSession,
  prefix: string,
  except = '',
): Promise<number> {
  const others = `FROM pg_stat_activity WHERE starts_with(application_name, $1) AND application_name <> $2 AND pid <> pg_backend_pid()`;
  const ended = await session.query(`SELECT pg_terminate_backend(pid) ${others}`, [prefix, except]);
  // Waited for here, since servers before 14 can't do it.
  for (let waitedMs = 0; ended.length > 0 && waitedMs < endWithinMs; waitedMs += pollMs) {
    if ((await session.query(`SELECT 1 ${others}`, [prefix, except])).length === 0) {
      break;
    }
    await delay(pollMs);
  }
  return ended.length;
}

const endWithinMs = 5_000;
const pollMs = 50;

export async function countBackends(session: DatabaseSession, prefix: string): Promise<number> {
  const row = await session.queryOne<{ count: number }>(
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE starts_with(application_name, $1) AND pid <> pg_backend_pid()',
    [prefix],
  );
  return row.count;
}

/** True while a backend with this application_name works, rather than waits for a lock or for its client. */
export async function isServerAtWork(session: DatabaseSession, applicationName: string): Promise<boolean> {
  const rows = await session.query(
    `SELECT 1 FROM pg_stat_activity
     WHERE application_name = $1 AND state = 'active' AND COALESCE(wait_event_type, '') NOT IN ('Lock', 'Client') LIMIT 1`,
    [applicationName],
  );
  return rows.length > 0;
}

/** Who holds the lock that a backend with this application_name waits for, in words. */
export async function blockersOf(session: DatabaseSession, applicationName: string): Promise<string[]> {
  const rows = await session.query<{ description: string }>(
    `SELECT format('process %s (user %s, application "%s")', other.pid, other.usename, other.application_name) AS description
     FROM pg_stat_activity ours CROSS JOIN LATERAL unnest(pg_blocking_pids(ours.pid)) AS blocker(pid)
     JOIN pg_stat_activity other ON other.pid = blocker.pid
     WHERE ours.application_name = $1`,
    [applicationName],
  );
  return rows.map((row) => row.description);
}

export interface BlockedSession {
  readonly pid: number;
  /** Who it is and what it waits for. */
  readonly description: string;
}

/** Sessions of others in this database that wait for a lock on a table which a backend with this application_name holds. */
export async function sessionsBlockedBy(
  session: DatabaseSession,
  applicationName: string,
): Promise<BlockedSession[]> {
  // pg_blocking_pids alone also names those who only stand before them in the queue: the lock itself must be ours.
  return await session.query<{ pid: number; description: string }>(
    `SELECT DISTINCT ON (waiting.pid) waiting.pid,
       format('process %s (user %s, application "%s") waits for %s on %s',
         waiting.pid, waiting.usename, waiting.application_name, wanted.mode, wanted.relation::regclass) AS description
     FROM pg_locks wanted
     JOIN pg_locks held ON held.database = wanted.database AND held.relation = wanted.relation AND held.locktype = 'relation' AND held.granted
     JOIN pg_stat_activity ours ON ours.pid = held.pid AND ours.application_name = $1
     JOIN pg_stat_activity waiting ON waiting.pid = wanted.pid AND waiting.application_name IS DISTINCT FROM $1
     WHERE wanted.locktype = 'relation' AND NOT wanted.granted AND held.pid = ANY (pg_blocking_pids(wanted.pid))
       AND wanted.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY waiting.pid`,
    [applicationName],
  );
}
