/** Holds a backup's file against deletion while it is read, by a row that expires by itself when this process dies. */
import type { Logger } from '@holdfast/platform/logger';
import type { DataSource, EntityManager } from 'typeorm';
import { resumeSeconds } from './download-link.ts';

const leaseSeconds = 30;
/** Often enough that a renewal or two may fail. */
const renewEveryMs = 10_000;

export interface LeaseOptions {
  readonly backupId: number;
  /** Of the link that is followed; null for somebody signed in. */
  readonly tokenHash: string | null;
}

/** In the transaction that has seen the backup completed, with its row locked. */
export async function takeLease(
  manager: EntityManager,
  { backupId, tokenHash }: LeaseOptions,
): Promise<string> {
  await manager.query(`DELETE FROM download_leases WHERE held_until < clock_timestamp()`);
  const [{ id }] = (await manager.query(
    `INSERT INTO download_leases (backup_id, token_hash, held_until)
     VALUES ($1, $2, clock_timestamp() + ${leaseSeconds} * interval '1 second') RETURNING lease_id AS id`,
    [backupId, tokenHash],
  )) as [{ id: string }];
  return id;
}

/** Renews until the answer is called, which gives the file free. */
export function keepLease(
  { source, logger }: { readonly source: DataSource; readonly logger: Logger },
  leaseId: string,
): () => Promise<void> {
  const write = async (sql: string): Promise<void> => {
    await source.query(sql, [leaseId]).catch((error: unknown) => {
      // Without the metadata database nothing is deleted either.
      logger.warn({ error, lease: leaseId }, 'the lease of a download could not be written');
    });
  };
  const renew = `WITH renewed AS (
      UPDATE download_leases SET held_until = clock_timestamp() + ${leaseSeconds} * interval '1 second'
      WHERE lease_id = $1 RETURNING token_hash)
    UPDATE download_tokens SET expires_at = clock_timestamp() + ${resumeSeconds} * interval '1 second'
    FROM renewed WHERE download_tokens.token_hash = renewed.token_hash`;
  const timer = setInterval(() => void write(renew), renewEveryMs);
  return async () => {
    clearInterval(timer);
    await write(`WITH ended AS (DELETE FROM download_leases WHERE lease_id = $1 RETURNING token_hash)
      UPDATE download_tokens SET expires_at = clock_timestamp() + ${resumeSeconds} * interval '1 second'
      FROM ended WHERE download_tokens.token_hash = ended.token_hash`);
  };
}
