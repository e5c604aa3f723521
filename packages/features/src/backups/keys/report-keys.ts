/** Queries: whom backups are encrypted for and whether they could be opened lately; and how one request for a check stands. */
import { AppError } from '@holdfast/contracts/errors';
import type { KeyCheck, KeyCheckRequest, KeyReport } from '@holdfast/contracts/keys';
import type { Clock } from '@holdfast/platform/clock';
import type { DataSource } from 'typeorm';
import { judgeKeys } from './judge-keys.ts';
import { readNewestEncrypted, recipientSetOf } from './newest-encrypted.ts';

export interface ReportKeysDeps {
  readonly source: DataSource;
  readonly clock: Clock;
  /** age recipients of backups that name none. */
  readonly encryptionRecipients: readonly string[];
}

export async function reportKeys({
  source,
  clock,
  encryptionRecipients,
}: ReportKeysDeps): Promise<KeyReport> {
  const configured = recipientSetOf(encryptionRecipients);
  const recipientSets: KeyReport['recipientSets'] = [];
  for (const { recipientSet, backup } of await readNewestEncrypted(source.manager)) {
    const ofSet = async (condition: string): Promise<KeyCheck | null> =>
      (
        await readChecks(
          source,
          `recipient_set = $1 AND ${condition} ORDER BY checked_at DESC, id DESC LIMIT 1`,
          [recipientSet],
        )
      )[0] ?? null;
    const newest = await ofSet('true');
    recipientSets.push({
      recipients: recipientSet.split(' '),
      isConfigured: recipientSet === configured,
      newestBackupId: backup.id,
      newestCheck: newest,
      finding: judgeKeys({ newest, newestOpened: await ofSet('is_opened') }, clock.now()),
    });
  }
  return { configuredRecipients: [...encryptionRecipients].sort(), recipientSets };
}

/** @throws AppError NOT_FOUND */
export async function findKeyCheckRequest(source: DataSource, requestId: string): Promise<KeyCheckRequest> {
  const [row] = (await source.query(
    `SELECT request_id AS "requestId", status, worker_id AS "workerId", created_at AS "createdAt", completed_at AS "completedAt",
       error_code AS "errorCode", error_message AS "errorMessage", error_remediation AS "errorRemediation"
     FROM key_check_requests WHERE request_id = $1`,
    [requestId],
  )) as (Omit<KeyCheckRequest, 'createdAt' | 'completedAt' | 'checks'> & {
    createdAt: Date;
    completedAt: Date | null;
  })[];
  if (row === undefined) {
    throw new AppError('NOT_FOUND', `There is no key check ${requestId}.`);
  }
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    completedAt: row.completedAt?.toISOString() ?? null,
    checks: await readChecks(source, 'request_id = $1 ORDER BY id', [requestId]),
  };
}

async function readChecks(source: DataSource, condition: string, values: unknown[]): Promise<KeyCheck[]> {
  const rows = (await source.query(
    `SELECT recipient_set AS "recipientSet", backup_id AS "backupId", worker_id AS "workerId", is_opened AS "isOpened",
       error_code AS "errorCode", error_message AS "errorMessage", error_remediation AS "errorRemediation", checked_at AS "checkedAt"
     FROM key_checks WHERE ${condition}`,
    values,
  )) as (Omit<KeyCheck, 'recipients' | 'checkedAt'> & { recipientSet: string; checkedAt: Date })[];
  return rows.map(({ recipientSet, checkedAt, ...same }) => ({
    ...same,
    recipients: recipientSet.split(' '),
    checkedAt: checkedAt.toISOString(),
  }));
}
