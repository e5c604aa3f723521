/** What is compared: a backup of each format beside the best pipeline of the same tools that a person would write. */
import type { CreateBackup } from '@holdfast/contracts/backups';

export const benchFormats = ['custom', 'plain', 'tar', 'directory'] as const;
export type BenchFormat = (typeof benchFormats)[number];

/** Both sides compress alike: what Holdfast's compressor asks of zstd on this machine. */
export interface Compressing {
  readonly level: number;
  readonly threads: number;
}

export interface Pairing {
  readonly name: string;
  /** A bash pipeline: `$DUMP` and `$DB` in, standard output is stored; `$WORK` is an empty folder of its own. */
  readonly byHand: string;
  readonly shown: string;
  readonly input: Partial<CreateBackup>;
}

/** Not a pairing of any format, but what most people run. */
export const usualDump = { name: 'pg_dump -Fc', byHand: '"$DUMP" -Fc "$DB"' };

export function pairingsOf(formats: readonly BenchFormat[], compressing: Compressing): Pairing[] {
  const zstd = `zstd -q -${compressing.level} -T${compressing.threads}`;
  const streamed = (format: BenchFormat, options: string): Pairing => ({
    name: format,
    byHand: `"$DUMP" ${options} "$DB" | ${zstd}`,
    shown: `pg_dump ${options} | ${zstd}`,
    input: { backupFormat: format },
  });
  // The folder can't be read before it is whole, so this is two steps for everybody.
  const directory = (jobs: number): Pairing => ({
    name: `directory, ${jobs} ${jobs === 1 ? 'job' : 'jobs'}`,
    byHand: `"$DUMP" -Fd -j${jobs} -Z0 --file="$WORK/dump" "$DB" && tar -C "$WORK/dump" -cf - . | ${zstd}`,
    shown: `pg_dump -Fd -j${jobs} -Z0 && tar | ${zstd}`,
    input: { backupFormat: 'directory', jobs },
  });
  const all: Record<BenchFormat, () => Pairing[]> = {
    custom: () => [streamed('custom', '-Fc -Z0')],
    plain: () => [streamed('plain', '-Fp')],
    tar: () => [streamed('tar', '-Ft')],
    directory: () => [directory(1), directory(2)],
  };
  return formats.flatMap((format) =>
    all[format]().map((pairing) => ({
      ...pairing,
      input: { ...pairing.input, compressionType: 'zstd' as const, encryptionRecipients: [] },
    })),
  );
}

/** The custom format once more, encrypted, so that what encryption costs is seen by itself. */
export function encryptedPairing(compressing: Compressing, recipient: string): Pairing {
  const [custom] = pairingsOf(['custom'], compressing) as [Pairing];
  return {
    name: 'custom, encrypted',
    byHand: `${custom.byHand} | age --encrypt --recipient ${recipient}`,
    shown: `${custom.shown} | age`,
    input: { ...custom.input, encryptionRecipients: [recipient] },
  };
}
