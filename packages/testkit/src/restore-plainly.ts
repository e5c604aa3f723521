/** Restores a stored file as docs/archive-format.md tells people to: age, the decompressor and PostgreSQL's own programs, nothing of Holdfast. */
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import type { BackupFormat, BackupView, CompressionType } from '@holdfast/contracts/backups';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { runCommand } from '@holdfast/platform/process/run-command';

const decompress: Readonly<Record<CompressionType, string>> = {
  gzip: 'gunzip --stdout',
  zstd: 'zstd -d --stdout',
  none: 'cat',
};

const restore: Readonly<Record<BackupFormat, string>> = {
  custom: '"$BIN/pg_restore" --exit-on-error --dbname="$INTO"',
  plain: '"$BIN/psql" --no-psqlrc --set=ON_ERROR_STOP=1 --quiet --dbname="$INTO" --output=/dev/null',
  tar: '"$BIN/pg_restore" --format=tar --exit-on-error --dbname="$INTO"',
  directory:
    'tar --extract --directory="$FOLDER" && "$BIN/pg_restore" --format=directory --jobs=2 --exit-on-error --dbname="$INTO" "$FOLDER"',
};

export interface PlainRestore {
  readonly backup: Pick<BackupView, 'backupFormat' | 'compressionType' | 'encryption'>;
  readonly file: string;
  /** An empty database. */
  readonly into: string;
  /** Of a private key, where the backup is encrypted. */
  readonly identityFile?: string;
}

export async function restorePlainly({ backup, file, into, identityFile = '' }: PlainRestore): Promise<void> {
  const root = process.env['HOLDFAST_TEST_FOLDER'] as string;
  const open = backup.encryption === null ? 'cat "$FILE"' : 'age --decrypt --identity "$IDENTITY" "$FILE"';
  // pg_restore may stop reading before the end of a tar, so only the last program's exit code counts; what it made is compared.
  await runCommand(
    '/bin/sh',
    ['-c', `${open} | ${decompress[backup.compressionType]} | { ${restore[backup.backupFormat]}; }`],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        FILE: file,
        INTO: into,
        IDENTITY: identityFile,
        BIN: (await findPrograms())?.postgresBinDir ?? '',
        FOLDER: await mkdtemp(path.join(root, 'unpacked-')),
      },
    },
  );
}
