/** pg_dump as one operation of ours runs it: uncompressed, since compressing happens outside it. */
import type { BackupFormat } from '@holdfast/contracts/backups';
import type { ClientPrograms } from './client-programs.ts';
import { type ConnectOptions, type DatabaseAddress, libpqEnvironment } from './database-address.ts';
import type { ToolCommand } from '../process/run-tool.ts';
import { literalPattern } from './quote.ts';

export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

export interface DumpSelection {
  readonly isSchemaOnly?: boolean;
  readonly isDataOnly?: boolean;
  readonly tables?: readonly QualifiedName[];
  readonly schemas?: readonly string[];
  readonly excludedTables?: readonly QualifiedName[];
  /** Definition without rows. */
  readonly excludedTableData?: readonly QualifiedName[];
  readonly section?: 'pre-data';
}

/** To standard output; a directory, which several jobs write at once, into a folder that must not exist yet. */
export type DumpOutput =
  | { readonly format: Exclude<BackupFormat, 'directory'> }
  | { readonly format: 'directory'; readonly folder: string; readonly jobs: number };

export interface PgDumpOptions {
  readonly client: ClientPrograms;
  readonly address: DatabaseAddress;
  readonly connect: ConnectOptions;
  readonly selection: DumpSelection;
  readonly lockWaitTimeoutMs: number;
  /** Of pg_export_snapshot(), so that the dump sees what the manifest's queries saw. */
  readonly snapshot?: string;
  /** Default: custom. */
  readonly output?: DumpOutput;
}

export function pgDumpCommand(options: PgDumpOptions): ToolCommand {
  return {
    program: options.client.pgDump,
    args: pgDumpArguments(options),
    env: libpqEnvironment(options.address, options.connect),
    stdin: 'ignore',
    ...(options.output?.format === 'directory'
      ? { stdout: 'ignore' }
      : { stdout: 'pipe', outputBufferBytes: 256 * 1024 }),
  };
}

export function pgDumpArguments({
  selection,
  lockWaitTimeoutMs,
  snapshot,
  output = { format: 'custom' },
}: Pick<PgDumpOptions, 'selection' | 'lockWaitTimeoutMs' | 'snapshot' | 'output'>): string[] {
  return [
    `--format=${output.format}`,
    // Not synced: the folder is read once and removed.
    ...(output.format === 'directory'
      ? [`--file=${output.folder}`, `--jobs=${output.jobs}`, '--no-sync']
      : []),
    '--compress=0',
    '--no-password',
    `--lock-wait-timeout=${lockWaitTimeoutMs}`,
    ...(snapshot === undefined ? [] : [`--snapshot=${snapshot}`]),
    ...(selection.isSchemaOnly ? ['--schema-only'] : []),
    ...(selection.isDataOnly ? ['--data-only'] : []),
    ...(selection.section === undefined ? [] : [`--section=${selection.section}`]),
    // Names were looked up in this very snapshot: one that matches nothing must not pass as an empty backup.
    ...((selection.tables ?? []).length + (selection.schemas ?? []).length > 0 ? ['--strict-names'] : []),
    ...(selection.tables ?? []).map(({ schema, name }) => `--table=${literalPattern(schema, name)}`),
    ...(selection.schemas ?? []).map((schema) => `--schema=${literalPattern(schema)}`),
    ...(selection.excludedTables ?? []).map(
      ({ schema, name }) => `--exclude-table=${literalPattern(schema, name)}`,
    ),
    ...(selection.excludedTableData ?? []).map(
      ({ schema, name }) => `--exclude-table-data=${literalPattern(schema, name)}`,
    ),
  ];
}
