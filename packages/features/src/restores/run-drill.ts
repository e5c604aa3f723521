/** Job: run one attempt of a drill: restore into a scratch database, compare everything with the manifest, drop it. */
import type { DrillResult } from '@holdfast/contracts/drills';
import type { Manifest } from '@holdfast/contracts/manifest';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import {
  createScratchDatabase,
  dropScratchDatabase,
  listScratchDatabases,
} from '@holdfast/platform/pgtools/scratch-database';
import { terminateBackends } from '@holdfast/platform/pgtools/server-backends';
import { type ArchiveThread, startArchiveThread } from '../archives/index.ts';
import {
  type BackupRow,
  findStoredBackup,
  isPartial,
  recordProof,
  refuseUntrusted,
} from '../backups/index.ts';
import { databaseAddress, findDatabase } from '../databases/index.ts';
import { applicationNamePrefix, type OperationContext } from '../operations/index.ts';
import { type Completion, watchServer } from '../operations/jobs.ts';
import { compareWithManifest } from './compare-with-manifest.ts';
import { DrillEntity } from './drill.entity.ts';
import { inspectDatabase } from './inspect-database.ts';
import { prepareDependencies } from './prepare-dependencies.ts';
import { canRestoreOwners, restoreArchive } from './restore-archive.ts';

const steps = {
  connect: { name: 'Connecting to the server', from: 0, to: 1 },
  check: { name: 'Checking the stored file', from: 1, to: 10 },
  restore: { name: 'Restoring into a scratch database', from: 10, to: 80 },
  verify: { name: 'Comparing with the manifest', from: 80, to: 99 },
} as const;

interface Drill {
  readonly thread: ArchiveThread;
  readonly backup: BackupRow;
  readonly manifest: Manifest;
  readonly client: ClientPrograms;
  /** The database that was backed up. */
  readonly source: DatabaseAddress;
  readonly scratch: DatabaseAddress;
  readonly session: DatabaseSession;
}

export async function runDrill(context: OperationContext): Promise<Completion> {
  const { deps, progress, connect, ref, attempt } = context;
  progress.startStep(steps.connect);
  const { backup, copyId } = await loadBackup(context);
  const source = databaseAddress(await findDatabase(deps.source.manager, backup.databaseId), deps.secrets);
  const session = await DatabaseSession.open(source, connect);
  context.onEnd(() => session.close());
  await removeLeftovers(context, session);
  const { server_version } = await session.queryOne<{ server_version: string }>('SHOW server_version');
  const scratch = { ...source, database: `${scratchPrefix(ref.id)}${attempt}` };
  context.onEnd(async () => {
    // A session of its own: the other may have broken with the server.
    const cleaner = await DatabaseSession.open(source, connect);
    try {
      await dropScratchDatabase(cleaner, scratch.database);
    } finally {
      await cleaner.close();
    }
  });
  const manifest = backup.manifest as Manifest;
  const thread = startArchiveThread();
  context.onEnd(() => thread.close());
  await createScratchDatabase(session, { name: scratch.database, like: manifest.database });
  const result = await drill(context, {
    thread,
    backup,
    manifest,
    client: chooseClient(await deps.findClients(), server_version),
    source,
    scratch,
    session,
  });
  // Before the result is told: who hears of it finds nothing left behind.
  await dropScratchDatabase(session, scratch.database);
  return async (manager) => {
    if (result.isEqual) {
      const proof = { level: 'restored', at: deps.clock.now(), isWhole: false } as const;
      await recordProof(manager, { backupId: backup.id, copyId }, proof);
    }
    return { result };
  };
}

async function drill(context: OperationContext, parts: Drill): Promise<DrillResult> {
  const { deps, progress } = context;
  const { manifest, source, scratch, session } = parts;
  const watch = watchServer(context, source);
  try {
    const withOwners = await canRestoreOwners(session, manifest.database.roles);
    const startedMs = deps.clock.monotonicMs();
    const { listFile, skippedForeignKeys, skippedEntries } = await prepareDependencies(context, parts);
    await restoreArchive(context, {
      ...parts,
      withOwners,
      listFile,
      skippedEntries,
      checkStep: steps.check,
      restoreStep: steps.restore,
    });
    const restoredMs = deps.clock.monotonicMs();
    await deps.reached('drill-restored');
    progress.startStep(steps.verify, manifest.file.uncompressedBytes);
    const found = await inspectDatabase(context, { ...parts, address: scratch });
    const comparison = compareWithManifest({
      manifest,
      found,
      withOwners,
      isWholeDatabase: !isPartial(parts.backup),
      skippedForeignKeys: skippedForeignKeys.length,
    });
    return {
      ...comparison,
      restoredDatabaseBytes: found.databaseBytes,
      restoreDurationMs: Math.round(restoredMs - startedMs),
      verifyDurationMs: Math.round(deps.clock.monotonicMs() - restoredMs),
      ownersRestored: withOwners,
      skippedForeignKeys: [...skippedForeignKeys],
    };
  } catch (error) {
    throw watch.explain(error);
  } finally {
    await watch.stop();
  }
}

/** @throws AppError BACKUP_NOT_FOUND where the backup went before the drill began, APPROVAL_REQUIRED where its trust did */
async function loadBackup({
  deps,
  ref,
}: OperationContext): Promise<{ backup: BackupRow; copyId: string | null }> {
  const { backupId, copyId } = await deps.source.manager.findOneByOrFail(DrillEntity, {
    operationId: ref.id,
  });
  const backup = await findStoredBackup(deps.source.manager, backupId, copyId);
  refuseUntrusted(backup);
  return { backup, copyId };
}

/** Fits the 63 bytes of a database name with attempts up to 99999. */
export function scratchPrefix(operationId: string): string {
  return `holdfast_drill_${operationId.replaceAll('-', '')}_`;
}

/** What an attempt before this one left: its sessions first, then its databases. */
async function removeLeftovers(
  { ref, connect, deps }: OperationContext,
  session: DatabaseSession,
): Promise<void> {
  await terminateBackends(session, applicationNamePrefix(deps.installation, ref), connect.applicationName);
  for (const name of await listScratchDatabases(session, scratchPrefix(ref.id))) {
    await dropScratchDatabase(session, name);
  }
}
