/** A text that a program can read as a file and nobody else: written to memory, already without a name when the program starts. */
import { constants, openSync } from 'node:fs';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const memoryFolder = '/dev/shm';

/** The caller closes the descriptor; the program opens `/dev/fd/3` where it is handed on as its third. */
export async function openSecretFile(text: string): Promise<number> {
  const parent = await access(memoryFolder, constants.W_OK).then(
    () => memoryFolder,
    () => tmpdir(),
  );
  const folder = await mkdtemp(path.join(parent, 'holdfast-secret-'));
  try {
    const file = path.join(folder, 'text');
    await writeFile(file, text, { mode: 0o600 });
    return openSync(file, constants.O_RDONLY);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
