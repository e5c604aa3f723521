/** Command: accept a backup. Its row and the audit line are committed together; the job follows. */
import type { CreateBackup } from '@holdfast/contracts/backups';
import type { Clock } from '@holdfast/platform/clock';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { holdDatabase } from '../databases/index.ts';
import {
  claimKey,
  enqueueAttempt,
  isKeyTaken,
  keepAnswer,
  publishOperationEvent,
  type RequestDeps,
} from '../operations/index.ts';
import { readSettings } from '../settings/index.ts';
import type { StorageTargets } from '../storage/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { checkRequestedTarget } from './backup-storage.ts';
import { type BackupNaming, backupFilename, backupPath } from './backup-path.ts';
import { chooseExpiry } from './choose-expiry.ts';
import { checkRequest } from './check-request.ts';
import { checkLiveSelection, requestedSelection } from './live-selection.ts';

export interface RequestBackupDeps extends RequestDeps {
  readonly storage: StorageTargets;
  readonly clock: Clock;
  /** age recipients of backups that name none. */
  readonly encryptionRecipients: readonly string[];
  readonly secrets: SecretBox;
}

export interface RequestBackup {
  readonly input: CreateBackup;
  readonly actor: Actor;
  readonly idempotencyKey: string | null;
}

interface Accepted {
  readonly backupId: number;
  readonly isRepeat: boolean;
}

/**
 * @returns the id as soon as the row is committed, whether Redis is up or not
 * @throws AppError VALIDATION_FAILED, INVALID_CONFIG, IDEMPOTENCY_CONFLICT
 */
export async function requestBackup(deps: RequestBackupDeps, request: RequestBackup): Promise<number> {
  checkRequest(request.input);
  if (!(await isKeyTaken(deps.source, { actor: request.actor, key: request.idempotencyKey }))) {
    await checkLiveSelection(deps, request.input);
  }
  const { backupId, isRepeat } = await deps.source.transaction((manager) => accept(deps, manager, request));
  if (!isRepeat) {
    await deps.reached('backup-committed');
    const ref = { kind: 'backup', id: String(backupId) } as const;
    await enqueueAttempt(deps.queues, { ...ref, attempt: 1, delayMs: 0 }).catch((error: unknown) => {
      deps.logger.warn(
        { error, backupId },
        'the backup is accepted but not queued yet; the reconciler does it',
      );
    });
    await deps.reached('backup-enqueued');
    await publishOperationEvent(deps, { ...ref, event: 'created', status: 'pending' });
  }
  return backupId;
}

async function accept(
  deps: RequestBackupDeps,
  manager: EntityManager,
  { input, actor, idempotencyKey }: RequestBackup,
): Promise<Accepted> {
  const earlier =
    idempotencyKey === null
      ? null
      : await claimKey<{ backupId: number }>(manager, { input, actor, key: idempotencyKey });
  if (earlier !== null) {
    return { ...earlier, isRepeat: true };
  }
  const backupId = await insertBackup(deps, manager, { input, actor });
  if (idempotencyKey !== null) {
    await keepAnswer(manager, { actor, key: idempotencyKey }, { backupId });
  }
  await recordAudit(manager, actor, {
    action: 'backup.create',
    subjectType: 'backup',
    subjectId: String(backupId),
    outcome: 'succeeded',
    after: input,
  });
  return { backupId, isRepeat: false };
}

async function insertBackup(
  deps: RequestBackupDeps,
  manager: EntityManager,
  { input, actor }: { input: CreateBackup; actor: Actor },
): Promise<number> {
  const database = await holdDatabase(manager, input.databaseId);
  const settings = await readSettings(manager);
  const backupType = input.backupType ?? 'full';
  const compressionType = input.compressionType ?? 'gzip';
  const [{ id }] = (await manager.query(`SELECT nextval('admin_backups_id_seq')::int AS id`)) as [
    { id: number },
  ];
  const recipients = input.encryptionRecipients ?? [...deps.encryptionRecipients];
  const row = {
    id,
    displayName: input.displayName,
    description: input.description ?? null,
    backupType,
    source: 'manual',
    backupFormat: input.backupFormat ?? 'custom',
    compressionType,
    compressionLevel: compressionLevel(input, settings.compressionLevel),
    jobs: input.jobs ?? 1,
    encryption: recipients.length === 0 ? null : { format: 'age' as const, recipients },
    databaseId: database.id,
    databaseName: database.databaseName,
    ...requestedSelection(input),
    includeGlobals: input.includeGlobals ?? false,
    includeRolePasswords: input.includeRolePasswords ?? false,
    tags: input.tags ?? [],
    isProtected: input.isProtected ?? false,
    expiresAt: chooseExpiry(input.expiresAt, settings.defaultRetentionDays, deps.clock.now()),
    createdBy: actor.userId,
    storageTarget:
      input.storageTarget === undefined
        ? null
        : await checkRequestedTarget(manager, deps.storage, input.storageTarget),
    copies: input.copies === undefined ? null : await checkCopies(deps, manager, input.copies),
    copyPolicy: input.copyPolicy ?? settings.copyPolicy,
    minCopies: input.minCopies ?? settings.minCopies,
  } as const;
  const naming: BackupNaming = { ...row, isEncrypted: row.encryption !== null, at: deps.clock.now() };
  if (!(await insertUnlessTaken(manager, row, naming))) {
    await insertUnlessTaken(manager, row, { ...naming, uniqueId: id });
  }
  return id;
}

async function checkCopies(
  { storage }: RequestBackupDeps,
  manager: EntityManager,
  copies: readonly string[],
): Promise<string[]> {
  const known: string[] = [];
  for (const target of copies) {
    known.push(await checkRequestedTarget(manager, storage, target));
  }
  return known;
}

/** False where another backup of the same second has the name; one that is being accepted just now is waited for. */
export async function insertUnlessTaken(
  manager: EntityManager,
  row: QueryDeepPartialEntity<BackupRow>,
  naming: BackupNaming,
): Promise<boolean> {
  const inserted = await manager
    .createQueryBuilder()
    .insert()
    .into(BackupEntity)
    .values({ ...row, filename: backupFilename(naming), filePath: backupPath(naming) })
    .orIgnore()
    .returning('id')
    .execute();
  return (inserted.raw as unknown[]).length > 0;
}

/** The specification's level is gzip's; zstd has its own scale, where 3 is the best buy measured. */
export function compressionLevel(
  input: Pick<CreateBackup, 'compressionType' | 'compressionLevel'>,
  gzipLevel: number,
): number | null {
  switch (input.compressionType ?? 'gzip') {
    case 'none':
      return null;
    case 'gzip':
      return input.compressionLevel ?? gzipLevel;
    case 'zstd':
      return input.compressionLevel ?? 3;
  }
}
