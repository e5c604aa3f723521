/** The server's side of our operations: found by application_name and ended when nobody owns them any more. */
import type { DatabaseSession } from './database-session.ts';

/** Ends backends whose application_name starts with `prefix` but is not `except`, in any database; resolves when they are gone. */
export async function terminateBackends(
  session: DatabaseSession,
  prefix: string,
  except = '',
): Promise<number> {
  const rows = await session.query<{ pid: number }>(
    `SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE starts_with(application_name, $1) AND application_name <> $2 AND pid <> pg_backend_pid()`,
    [prefix, except],
  );
  return rows.length;
}

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
