/** Writes the server's roles and tablespaces as a second file of a backup, and reads it back. */
import { pipeline } from 'node:stream/promises';
import { AppError } from '@holdfast/contracts/errors';
import type { Manifest } from '@holdfast/contracts/manifest';
import { ChecksumMeter, readSha256 } from '@holdfast/platform/bytes/checksums';
import { chooseClient } from '@holdfast/platform/pgtools/client-programs';
import type { DatabaseAddress } from '@holdfast/platform/pgtools/database-address';
import { withDatabase } from '@holdfast/platform/pgtools/database-session';
import { dumpGlobals } from '@holdfast/platform/pgtools/pg-dumpall';
import { encodeBytes } from '../archives/index.ts';
import type { OperationContext } from '../operations/index.ts';
import type { PartialFile, StorageDriver } from '../storage/index.ts';
import type { BackupRow } from './backup.entity.ts';
import { globalsPath } from './stored-files.ts';

export interface StoredGlobals {
  readonly manifest: NonNullable<Manifest['globals']>;
  readonly partial: PartialFile;
}

export interface GlobalsSource {
  readonly row: BackupRow;
  readonly address: DatabaseAddress;
  readonly storage: StorageDriver;
}

/** `reserve` names the partial file and sees to it that it goes with the attempt. */
export async function storeGlobals(
  context: OperationContext,
  { row, address, storage }: GlobalsSource,
  reserve: (path: string) => PartialFile,
): Promise<StoredGlobals> {
  const { deps, connect, settings, signal } = context;
  const { server_version } = await withDatabase(address, connect, (session) =>
    session.queryOne<{ server_version: string }>('SHOW server_version'),
  );
  const script = await dumpGlobals({
    client: chooseClient(await deps.findClients(), server_version),
    address,
    connect,
    withRolePasswords: row.includeRolePasswords,
    lockWaitTimeoutMs: settings.lockWaitTimeout * 1000,
    signal,
  });
  const bytes = await encodeBytes(script, {
    compression: { type: row.compressionType, level: row.compressionLevel },
    recipients: row.encryption?.recipients ?? [],
  });
  const partial = reserve(globalsPath(row));
  await pipeline([bytes], await storage.createPartial(partial), { signal });
  const meter = new ChecksumMeter();
  meter.update(bytes);
  const written = meter.finish();
  const found = await readSha256(await storage.openPartial(partial), signal, () => undefined);
  if (found.sha256 !== written.sha256 || found.sizeBytes !== written.sizeBytes) {
    throw new AppError(
      'FILE_CORRUPTION',
      'The storage gave back other bytes of the globals than were written.',
    );
  }
  return {
    partial,
    manifest: { path: partial.path, ...written, includesRolePasswords: row.includeRolePasswords },
  };
}
