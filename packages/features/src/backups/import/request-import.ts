/** Command: accept a dump that was made elsewhere. What it is has been seen by then; a worker reads it whole. */
import path from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '@holdfast/contracts/errors';
import type { ImportOptions } from '@holdfast/contracts/imports';
import { sniffedBytes } from '@holdfast/platform/archive/sniff-dump';
import { buffer } from 'node:stream/consumers';
import { type Actor, recordAudit } from '../../audit/index.ts';
import { findDatabase, holdDatabase } from '../../databases/index.ts';
import { enqueueAttempt, publishOperationEvent } from '../../operations/index.ts';
import { readSettings } from '../../settings/index.ts';
import type { ImportOrigin } from '../backup.entity.ts';
import type { BackupNaming } from '../backup-path.ts';
import { checkRequestedTarget } from '../backup-storage.ts';
import { chooseExpiry } from '../choose-expiry.ts';
import { compressionLevel, insertUnlessTaken, type RequestBackupDeps } from '../request-backup.ts';
import { removeUpload } from './import-uploads.ts';
import { type LookedAtDump, lookAtDump } from './look-at-dump.ts';
import { receiveUpload } from './receive-upload.ts';

export interface RequestImport {
  readonly options: ImportOptions;
  /** The bytes, or the path of a file in the folder of imports. */
  readonly file: { readonly body: Readable; readonly sizeBytes: number | null } | { readonly path: string };
  readonly actor: Actor;
}

const noNames: string[] = [];

interface FoundFile {
  readonly path: string;
  readonly isUpload: boolean;
  readonly looked: LookedAtDump;
  readonly storageTarget: string;
}

/** @throws AppError VALIDATION_FAILED that says what the file looks like, BACKUP_NOT_FOUND, INVALID_CONFIG, INSUFFICIENT_SPACE */
export async function requestImport(deps: RequestBackupDeps, request: RequestImport): Promise<number> {
  const storageTarget = await chooseTarget(deps, request.options);
  const found = await findFile(deps, request.file, storageTarget);
  const backupId = await accept(deps, request, found).catch(async (error: unknown) => {
    if (found.isUpload) {
      await removeUpload(deps, storageTarget, found.path);
    }
    throw error;
  });
  const ref = { kind: 'backup', id: String(backupId) } as const;
  await enqueueAttempt(deps.queues, { ...ref, attempt: 1, delayMs: 0 }).catch((error: unknown) => {
    deps.logger.warn(
      { error, backupId },
      'the import is accepted but not queued yet; the reconciler does it',
    );
  });
  await publishOperationEvent(deps, { ...ref, event: 'created', status: 'pending' });
  return backupId;
}

async function chooseTarget({ source, storage }: RequestBackupDeps, options: ImportOptions): Promise<string> {
  const { manager } = source;
  if (options.storageTarget !== undefined) {
    return await checkRequestedTarget(manager, storage, options.storageTarget);
  }
  const database = await findDatabase(manager, options.databaseId);
  return storage.canonical(database.storageLocation ?? (await readSettings(manager)).storageLocation);
}

async function findFile(
  deps: RequestBackupDeps,
  file: RequestImport['file'],
  storageTarget: string,
): Promise<FoundFile> {
  if ('body' in file) {
    return { ...(await receiveUpload(deps, { ...file, storageTarget })), isUpload: true, storageTarget };
  }
  const storage = deps.storage.open(storageTarget);
  const stored = await storage.stat(file.path);
  if (stored === null) {
    throw new AppError('BACKUP_NOT_FOUND', `There is no file ${file.path} in ${storageTarget}.`, {
      remediation: 'Put it into the folder imports/ of that storage, or send it as application/octet-stream.',
    });
  }
  const head =
    stored.sizeBytes === 0
      ? Buffer.alloc(0)
      : await buffer(
          await storage.open(file.path, { start: 0, end: Math.min(stored.sizeBytes, sniffedBytes) - 1 }),
        );
  return { path: file.path, isUpload: false, looked: await lookAtDump(head), storageTarget };
}

async function accept(
  deps: RequestBackupDeps,
  { options, actor }: RequestImport,
  { path: filePath, isUpload, looked, storageTarget }: FoundFile,
): Promise<number> {
  return await deps.source.transaction(async (manager) => {
    const database = await holdDatabase(manager, options.databaseId);
    const settings = await readSettings(manager);
    const [{ id }] = (await manager.query(`SELECT nextval('admin_backups_id_seq')::int AS id`)) as [
      { id: number },
    ];
    const compressionType = options.compressionType ?? 'zstd';
    const recipients = [...deps.encryptionRecipients];
    const origin: ImportOrigin = {
      path: filePath,
      fileName: options.fileName ?? path.posix.basename(filePath),
      isUpload,
      wrapping: looked.wrapping,
      innerCompression: looked.innerCompression,
      dumpVersion: looked.header.dumpVersion,
      allowUnpatchedClient: options.allowUnpatchedClient ?? false,
    };
    const row = {
      id,
      displayName: options.displayName,
      description: options.description ?? null,
      backupType: 'full',
      source: 'imported',
      backupFormat: looked.format,
      compressionType,
      compressionLevel: compressionLevel({ compressionType }, settings.compressionLevel),
      jobs: 1,
      encryption: recipients.length === 0 ? null : { format: 'age' as const, recipients },
      databaseId: database.id,
      databaseName: nameOf(looked) ?? database.databaseName,
      includedTables: noNames,
      includedSchemas: noNames,
      excludedTables: noNames,
      tags: options.tags ?? [],
      isProtected: false,
      isTrusted: false,
      expiresAt: chooseExpiry(undefined, settings.defaultRetentionDays, deps.clock.now()),
      createdBy: actor.userId,
      storageTarget,
      import: origin,
    } as const;
    const naming: BackupNaming = { ...row, isEncrypted: row.encryption !== null, at: deps.clock.now() };
    if (!(await insertUnlessTaken(manager, row, naming))) {
      await insertUnlessTaken(manager, row, { ...naming, uniqueId: id });
    }
    await recordAudit(manager, actor, {
      action: 'backup.import',
      subjectType: 'backup',
      subjectId: String(id),
      outcome: 'succeeded',
      after: { ...options, file: origin.path, format: looked.format },
    });
    return id;
  });
}

/** As the file says, where it can be the name of a database. */
function nameOf({ header }: LookedAtDump): string | null {
  const { databaseName } = header;
  return databaseName === '' || databaseName.length > 63 || databaseName.includes('\0') ? null : databaseName;
}
