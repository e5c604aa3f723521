/** Command: accept a backup. Its row and the audit line are committed together; the job follows. */
import { createHash } from 'node:crypto';
import type { CreateBackup } from '@holdfast/contracts/backups';
import { AppError, type FieldError } from '@holdfast/contracts/errors';
import type { Clock } from '@holdfast/platform/clock';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';
import type { EntityManager, QueryDeepPartialEntity } from 'typeorm';
import { type Actor, recordAudit } from '../audit/index.ts';
import { findDatabase } from '../databases/index.ts';
import { enqueueAttempt, publishOperationEvent, type RequestDeps } from '../operations/index.ts';
import { readSettings } from '../settings/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { type BackupNaming, backupFilename, backupPath } from './backup-path.ts';

export interface RequestBackupDeps extends RequestDeps {
  readonly clock: Clock;
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
  checkSelection(request.input);
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
    idempotencyKey === null ? null : await claimKey(manager, { input, actor, key: idempotencyKey });
  if (earlier !== null) {
    return { backupId: earlier, isRepeat: true };
  }
  const backupId = await insertBackup(deps, manager, { input, actor });
  if (idempotencyKey !== null) {
    await manager.query('UPDATE idempotency_keys SET answer = $3 WHERE user_id = $1 AND key = $2', [
      actor.userId,
      idempotencyKey,
      { backupId },
    ]);
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

/** The backup that this key already made, or null after taking the key; a request that runs at the same time waits here. */
async function claimKey(
  manager: EntityManager,
  { input, actor, key }: { input: CreateBackup; actor: Actor; key: string },
): Promise<number | null> {
  const digest = createHash('sha256').update(canonicalJson(input)).digest('hex');
  await manager.query(
    `INSERT INTO idempotency_keys (user_id, key, request_digest, answer) VALUES ($1, $2, $3, '{}') ON CONFLICT DO NOTHING`,
    [actor.userId, key, digest],
  );
  const [row] = (await manager.query(
    'SELECT request_digest, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2 FOR UPDATE',
    [actor.userId, key],
  )) as {
    request_digest: string;
    answer: { backupId?: number };
  }[];
  if (row?.request_digest !== digest) {
    throw new AppError('IDEMPOTENCY_CONFLICT', 'This Idempotency-Key came with another request before.');
  }
  return row.answer.backupId ?? null;
}

async function insertBackup(
  deps: RequestBackupDeps,
  manager: EntityManager,
  { input, actor }: { input: CreateBackup; actor: Actor },
): Promise<number> {
  const database = await findDatabase(manager, input.databaseId);
  const settings = await readSettings(manager);
  const backupType = input.backupType ?? 'full';
  const compressionType = input.compressionType ?? 'gzip';
  const [{ id }] = (await manager.query(`SELECT nextval('admin_backups_id_seq')::int AS id`)) as [
    { id: number },
  ];
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
    databaseId: database.id,
    databaseName: database.databaseName,
    includedTables: input.includedTables ?? [],
    includedSchemas: selectedSchemas(input),
    excludedTables: input.excludedTables ?? [],
    tags: input.tags ?? [],
    isProtected: input.isProtected ?? false,
    createdBy: actor.userId,
  } as const;
  const naming: BackupNaming = { ...row, at: deps.clock.now() };
  if (!(await insertUnlessTaken(manager, row, naming))) {
    await insertUnlessTaken(manager, row, { ...naming, uniqueId: id });
  }
  return id;
}

/** False where another backup of the same second has the name; one that is being accepted just now is waited for. */
async function insertUnlessTaken(
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
function compressionLevel(input: CreateBackup, gzipLevel: number): number | null {
  switch (input.compressionType ?? 'gzip') {
    case 'none':
      return null;
    case 'gzip':
      return input.compressionLevel ?? gzipLevel;
    case 'zstd':
      return input.compressionLevel ?? 3;
  }
}

function selectedSchemas(input: CreateBackup): string[] {
  const given = input.includedSchemas ?? [];
  return given.length === 0 && input.backupType === 'selective' ? ['public'] : given;
}

/** Contradictions that need no database to be seen. */
function checkSelection(input: CreateBackup): void {
  const fields: FieldError[] = [];
  const included = input.includedTables ?? [];
  const excluded = input.excludedTables ?? [];
  const isFull = (input.backupType ?? 'full') === 'full';
  if (isFull && (included.length > 0 || excluded.length > 0 || (input.includedSchemas ?? []).length > 0)) {
    fields.push({
      path: '/backupType',
      message: 'a full backup takes everything; use "selective" for a selection',
    });
  }
  for (const table of included.filter((name) => excluded.includes(name))) {
    fields.push({ path: '/excludedTables', message: `"${table}" is both included and excluded` });
  }
  if (input.compressionType === 'none' && input.compressionLevel !== undefined) {
    fields.push({ path: '/compressionLevel', message: 'has no meaning without compression' });
  }
  if ((input.compressionType ?? 'gzip') === 'gzip' && (input.compressionLevel ?? 1) > 9) {
    fields.push({ path: '/compressionLevel', message: 'gzip has levels 1 to 9' });
  }
  if (input.jobs !== undefined && input.backupFormat !== 'directory') {
    fields.push({ path: '/jobs', message: 'only the format "directory" is dumped by several jobs' });
  }
  if (fields.length > 0) {
    throw new AppError('VALIDATION_FAILED', fields.map((field) => field.message).join('; '), { fields });
  }
}
