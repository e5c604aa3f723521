/** Confirmation tokens: random, kept only as a hash, good once, for ten minutes, for one person, one backup, one set of options and one report. */
import { createHash, randomBytes } from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';
import type { RestoreOptions } from '@holdfast/contracts/restores';
import type { EntityManager } from 'typeorm';
import { digestOf } from './validation/digest.ts';

const lifetimeMinutes = 10;

export interface Confirmed {
  readonly userId: string;
  readonly options: RestoreOptions;
  readonly reportDigest: string;
}

export async function issueToken(
  manager: EntityManager,
  { userId, options, reportDigest }: Confirmed,
): Promise<{ token: string; expiresAt: Date }> {
  const token = randomBytes(32).toString('base64url');
  const [row] = (await manager.query(
    `INSERT INTO confirmation_tokens (token_hash, user_id, backup_id, options_digest, report_digest, expires_at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 minute') RETURNING expires_at`,
    [hashOf(token), userId, options.sourceBackupId, digestOf(options), reportDigest, lifetimeMinutes],
  )) as [{ expires_at: Date }];
  return { token, expiresAt: row.expires_at };
}

export interface TokenQuestion {
  readonly token: string;
  readonly userId: string;
  readonly options: RestoreOptions;
}

/**
 * Takes nothing yet. Whose a token is that is not one's own, or whether there is one, is not told.
 * @returns the digest of the report that was confirmed
 * @throws AppError CONFIRMATION_EXPIRED
 */
export async function checkToken(
  manager: EntityManager,
  { token, userId, options }: TokenQuestion,
): Promise<string> {
  const [row] = (await manager.query(
    `SELECT options_digest AS "optionsDigest", report_digest AS "reportDigest", used_at IS NOT NULL AS "isUsed",
       expires_at <= clock_timestamp() AS "isExpired"
     FROM confirmation_tokens WHERE token_hash = $1 AND user_id = $2 AND backup_id = $3`,
    [hashOf(token), userId, options.sourceBackupId],
  )) as { optionsDigest: string; reportDigest: string; isUsed: boolean; isExpired: boolean }[];
  if (row === undefined) {
    throw expired('The confirmation token is none of yours for this backup.');
  }
  if (row.isUsed) {
    throw expired('The confirmation token was used already; it is good once.');
  }
  if (row.isExpired) {
    throw expired(`The confirmation token is older than ${lifetimeMinutes} minutes.`);
  }
  if (row.optionsDigest !== digestOf(options)) {
    throw expired('The confirmation token was given for other options.');
  }
  return row.reportDigest;
}

/** Exactly one of several that try at once has it. @throws AppError CONFIRMATION_EXPIRED */
export async function takeToken(manager: EntityManager, token: string): Promise<void> {
  const [, count] = (await manager.query(
    `UPDATE confirmation_tokens SET used_at = clock_timestamp()
     WHERE token_hash = $1 AND used_at IS NULL AND expires_at > clock_timestamp()`,
    [hashOf(token)],
  )) as [unknown[], number];
  if (count === 0) {
    throw expired('The confirmation token was used already, or has just expired.');
  }
}

/** What was confirmed is no longer so. */
export async function voidToken(manager: EntityManager, token: string): Promise<void> {
  await manager.query(
    'UPDATE confirmation_tokens SET used_at = clock_timestamp() WHERE token_hash = $1 AND used_at IS NULL',
    [hashOf(token)],
  );
}

/** Only what is good for nothing any more, a day later. */
export async function removeOldTokens(manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM confirmation_tokens WHERE expires_at < clock_timestamp() - interval '1 day'`,
  );
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function expired(detail: string): AppError {
  return new AppError('CONFIRMATION_EXPIRED', detail);
}
