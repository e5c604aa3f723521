/** A stored archive as pg_dump wrote it: read from storage, decrypted and decompressed by programs that are joined by pipes. */
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { BackupFormat, CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { decompressorCommand } from '@holdfast/platform/bytes/compressor';
import { decryptorCommand, type Identities } from '@holdfast/platform/bytes/encryptor';
import type { ToolExit } from '@holdfast/platform/process/run-tool';
import { type FilterCommand, startFilters } from '@holdfast/platform/process/start-filters';
import { openStored, type StoredSource } from './stored-source.ts';

export interface StoredArchive extends StoredSource {
  readonly format: BackupFormat;
  readonly compression: CompressionType;
  /** Null where it is not encrypted; identities null where this worker has none. */
  readonly encryption: { readonly identities: Identities | null } | null;
}

export interface DecodedArchive {
  readonly stream: Readable;
  /**
   * Call it when the stream has ended: only then is it known that nothing was missing.
   * @throws AppError FILE_CORRUPTION with what the program said
   */
  finish(): Promise<void>;
  /** Resolves as soon as one of the programs has failed; while all goes well, never. */
  readonly failure: Promise<AppError>;
  /**
   * For a reader that has failed: the failure of a program that cut the reader's input, or null where the reader failed of itself.
   * Takes no more bytes out.
   */
  causeOfEnd(): Promise<AppError | null>;
  /** Ends everything, wherever it is; harmless twice. */
  close(): Promise<void>;
}

/** How bytes are wrapped. */
type Encoded = Pick<StoredArchive, 'compression' | 'encryption'>;

/** Undoes encryption first, as it was done last. */
export async function decoderCommands({
  encryption,
  compression,
}: Encoded): Promise<{ doing: string; command: FilterCommand }[]> {
  return [
    ...(encryption === null
      ? []
      : [{ doing: 'decrypted', command: await decryptorCommand(encryption.identities) }]),
    { doing: 'decompressed', command: await decompressorCommand(compression) },
  ].flatMap(({ doing, command }) => (command === null ? [] : [{ doing, command }]));
}

/** @throws AppError BACKUP_NOT_FOUND, INVALID_CONFIG without an identity, and what the storage says */
export async function openDecoded(archive: StoredArchive): Promise<DecodedArchive> {
  // Before anything is opened: a program that is missing is no fault of the storage.
  await decoderCommands(archive);
  return await decodeStream(await openStored(archive), archive);
}

/** The stream is destroyed with what is made of it. @throws AppError INVALID_CONFIG */
export async function decodeStream(stored: Readable, encoded: Encoded): Promise<DecodedArchive> {
  const commands = await decoderCommands(encoded);
  if (commands.length === 0) {
    return {
      stream: stored,
      failure: new Promise(() => undefined),
      finish: async () => undefined,
      causeOfEnd: async () => null,
      close: async () => void stored.destroy(),
    };
  }
  const filters = await startFilters(commands.map(({ command }) => command));
  const input = new Socket({ fd: filters.inputFd, readable: false, writable: true });
  const stream = new Socket({ fd: filters.outputFd, readable: true, writable: false });
  // Where it is broken off on purpose it may never settle: only `finish` waits for it.
  const feeding = pipeline(stored, input);
  feeding.catch(() => undefined);
  stream.on('error', () => undefined);
  const steps = filters.tools.map(async (tool, index) => ({
    exit: await tool.exited,
    doing: commands[index]?.doing ?? '',
  }));
  return {
    stream,
    failure: new Promise((resolve) => {
      for (const step of steps) {
        void step.then(async ({ exit }) => {
          const failure = exit.exitCode === 0 ? null : await firstFailure(steps);
          if (failure !== null) {
            resolve(failure);
          }
        });
      }
    }),
    finish: () => finish(steps, feeding),
    causeOfEnd: async () => {
      stream.destroy();
      return await Promise.race([causeOfEnd(steps), delay(endWithinMs, null, { ref: false })]);
    },
    close: async () => {
      stored.destroy();
      input.destroy();
      stream.destroy();
      await Promise.all(filters.tools.map((tool) => tool.end()));
    },
  };
}

interface Step {
  readonly exit: ToolExit;
  readonly doing: string;
}

/** A program that writes on ends by its lost reader at once; one that waits for the storage has not failed. */
const endWithinMs = 5_000;

async function causeOfEnd(steps: readonly Promise<Step>[]): Promise<AppError | null> {
  const exits = await Promise.all(steps);
  return exits.every(({ exit }) => exit.exitCode === 0 || exit.signal === 'SIGPIPE')
    ? null
    : await firstFailure(steps);
}

/** A program that lost its reader only shows that another failed, and one whose input ended early that the one before it did. */
async function firstFailure(running: readonly Promise<Step>[]): Promise<AppError | null> {
  const failed = (await Promise.all(running)).filter(({ exit }) => exit.exitCode !== 0);
  const cause = failed.find(({ exit }) => exit.signal !== 'SIGPIPE') ?? failed[0];
  return cause === undefined
    ? null
    : new AppError(
        'FILE_CORRUPTION',
        `The stored file could not be ${cause.doing} to its end: ${cause.exit.stderr.trim() || `ended by ${cause.exit.signal}`}`,
      );
}

async function finish(steps: readonly Promise<Step>[], feeding: Promise<void>): Promise<void> {
  const failure = await firstFailure(steps);
  if (failure !== null) {
    throw failure;
  }
  await feeding.catch((error: unknown) => {
    throw error instanceof AppError
      ? error
      : new AppError('FILE_CORRUPTION', `The stored file could not be read to its end: ${String(error)}`);
  });
}
