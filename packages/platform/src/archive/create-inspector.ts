/** The inspector that reads a format. */
import type { BackupFormat } from '@holdfast/contracts/backups';
import { ArchiveInspector } from './archive-inspector.ts';
import type { Inspector } from './inspector.ts';
import { PlainInspector } from './plain-inspector.ts';
import { RowScanner } from './row-scanner.ts';
import { TarInspector } from './tar-inspector.ts';

/** A directory is read as the one tar stream that it is stored as. */
export async function createInspector(format: BackupFormat): Promise<Inspector> {
  switch (format) {
    case 'custom':
      return await ArchiveInspector.create();
    case 'tar':
    case 'directory':
      return new TarInspector(format, await RowScanner.create());
    case 'plain':
      return new PlainInspector(await RowScanner.create());
  }
}
