/** Compresses and encrypts what is small enough to be held in memory, by the programs that do it for archives. */
import { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type Compression, compressorCommand } from '@holdfast/platform/bytes/compressor';
import { encryptorCommand } from '@holdfast/platform/bytes/encryptor';
import { classifyToolFailure } from '@holdfast/platform/pgtools/classify-error';
import { startFilters } from '@holdfast/platform/process/start-filters';

export interface Encoding {
  readonly compression: Compression;
  /** age recipients; empty: not encrypted. */
  readonly recipients: readonly string[];
}

/** @throws AppError TOOL_FAILED, INVALID_CONFIG where a program is missing */
export async function encodeBytes(bytes: Buffer, { compression, recipients }: Encoding): Promise<Buffer> {
  const commands = [await compressorCommand(compression), await encryptorCommand(recipients)];
  const { tools, inputFd, outputFd } = await startFilters(commands.filter((command) => command !== null));
  const input = new Socket({ fd: inputFd, readable: false, writable: true });
  // A program that fails closes its end; its exit status tells why.
  input.on('error', () => undefined);
  input.end(bytes);
  const encoded = await buffer(new Socket({ fd: outputFd, readable: true, writable: false }));
  for (const { exitCode, program, stderr } of await Promise.all(tools.map((tool) => tool.exited))) {
    if (exitCode !== 0) {
      throw classifyToolFailure(program, `exited with status ${exitCode}`, stderr);
    }
  }
  return encoded;
}
