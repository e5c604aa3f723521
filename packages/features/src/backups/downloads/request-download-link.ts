/** Command: make a link to a backup's file that works once, for whoever holds it, within a minute. */
import { createHash, randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { type Actor, recordAudit } from '../../audit/index.ts';
import type { DownloadableBackup } from './download-headers.ts';
import { findDownloadable } from './find-downloadable.ts';

/** To begin in: long enough to paste it into a terminal, short enough to be worth nothing in a log or a history. */
export const linkSeconds = 60;

/** Links that nobody followed are kept this long, so that a late one is told from one that never was by who reads the table. */
const keepDays = 1;

export interface NewDownloadLink {
  readonly token: string;
  readonly expiresAt: Date;
  readonly backup: DownloadableBackup;
}

/** Only the hash is stored: who reads the metadata database can't download. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** @throws AppError BACKUP_NOT_FOUND, IN_USE */
export async function requestDownloadLink(
  source: DataSource,
  backupId: number,
  actor: Actor,
): Promise<NewDownloadLink> {
  const token = randomBytes(32).toString('base64url');
  return await source.transaction(async (manager) => {
    const backup = await findDownloadable(manager, backupId);
    await manager.query(
      `DELETE FROM download_tokens WHERE expires_at < clock_timestamp() - ${keepDays} * interval '1 day'`,
    );
    const [{ expiresAt }] = (await manager.query(
      `INSERT INTO download_tokens (token_hash, user_id, backup_id, expires_at)
       VALUES ($1, $2, $3, clock_timestamp() + ${linkSeconds} * interval '1 second') RETURNING expires_at AS "expiresAt"`,
      [hashToken(token), actor.userId, backupId],
    )) as [{ expiresAt: Date }];
    await recordAudit(manager, actor, {
      action: 'backup.download-link',
      subjectType: 'backup',
      subjectId: String(backupId),
      outcome: 'succeeded',
    });
    return { token, expiresAt, backup };
  });
}
