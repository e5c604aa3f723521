/**
 * A link to a backup's file, as it is followed: the first transfer claims it for its client in one conditional UPDATE; from then on
 * only that client may go on with it, from behind what it has, and only while that is fresh.
 */
import { createHash } from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';
import type { Role } from '@holdfast/contracts/permissions';
import type { DataSource, EntityManager } from 'typeorm';
import { can } from '../../auth/index.ts';
import { readSettings } from '../../settings/index.ts';
import { hashToken } from './request-download-link.ts';

/** After the last sign of a transfer: a connection that broke is taken up again within it or not at all. */
export const resumeSeconds = 300;

export interface FollowedLink {
  readonly tokenHash: string;
  readonly backupId: number;
  readonly userId: string;
  readonly username: string;
}

/** What tells one client from another: where it calls from and what it calls itself. */
export function clientOf(address: string, userAgent: string | undefined): string {
  return createHash('sha256')
    .update(`${address}\n${userAgent ?? ''}`)
    .digest('hex');
}

/** @throws AppError NOT_FOUND for every link that is no good to this client, FORBIDDEN where its user lost the right */
export async function readLink(source: DataSource, token: string, client: string): Promise<FollowedLink> {
  const tokenHash = hashToken(token);
  const [row] = (await source.query(
    `SELECT backup_id AS "backupId", user_id AS "userId", username, role, is_active AS "isActive"
     FROM download_tokens JOIN users USING (user_id)
     WHERE token_hash = $1 AND expires_at > clock_timestamp() AND (claimed_by IS NULL OR claimed_by = $2)`,
    [tokenHash, client],
  )) as { backupId: number; userId: string; username: string; role: Role; isActive: boolean }[];
  if (row === undefined) {
    throw noGood();
  }
  if (!row.isActive || !can(row.role, 'backups.download', await readSettings(source))) {
    throw new AppError('FORBIDDEN', 'Who made this link may no longer download backups.');
  }
  return { tokenHash, backupId: row.backupId, userId: row.userId, username: row.username };
}

export interface Claim {
  readonly tokenHash: string;
  readonly client: string;
  /** Goes on behind bytes that the client has already. */
  readonly isResume: boolean;
}

/** @throws AppError NOT_FOUND where another transfer was first */
export async function claimLink(
  manager: EntityManager,
  { tokenHash, client, isResume }: Claim,
): Promise<void> {
  const [, claimed] = (await manager.query(
    `UPDATE download_tokens SET claimed_by = $2, claimed_at = COALESCE(claimed_at, clock_timestamp()),
       expires_at = clock_timestamp() + ${resumeSeconds} * interval '1 second'
     WHERE token_hash = $1 AND expires_at > clock_timestamp() AND (claimed_by IS NULL OR ($3 AND claimed_by = $2))`,
    [tokenHash, client, isResume],
  )) as [unknown[], number];
  if (claimed === 0) {
    throw noGood();
  }
}

/** One answer for all: whether a guess was once a link is nobody's business. */
function noGood(): AppError {
  return new AppError('NOT_FOUND', 'This link does not exist, has expired or was used.', {
    remediation: 'Ask for a new link: POST …/backups/{id}/download-link.',
  });
}
