/** As whom the private servers run: an ordinary user even when we are root, and a folder which that user can reach. */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { runCommand } from '../process/run-command.ts';

export interface ServiceAccount {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root; its own user is there once it is installed, `nobody` everywhere. */
const candidates = ['postgres', 'nobody'];

/** Null where we are an ordinary user ourselves. */
export async function findServiceAccount(): Promise<ServiceAccount | null> {
  if (process.getuid?.() !== 0) {
    return null;
  }
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of candidates) {
    const fields = lines.find(([user]) => user === name);
    if (fields !== undefined) {
      return { uid: Number(fields[2]), gid: Number(fields[3]) };
    }
  }
  return { uid: 65_534, gid: 65_534 };
}

const sharedFolder = '/var/lib/holdfast';

/** `wanted`, or a folder under /var/lib/holdfast where the account may not pass through the folders above `wanted`. */
export async function reachableFolder(wanted: string, account: ServiceAccount | null): Promise<string> {
  if (account === null) {
    await mkdir(wanted, { recursive: true, mode: 0o700 });
    return wanted;
  }
  const parent = path.dirname(wanted);
  await mkdir(parent, { recursive: true });
  const isReachable = await runCommand('test', ['-x', parent], account).then(
    () => true,
    () => false,
  );
  const name = createHash('sha256').update(path.resolve(wanted)).digest('hex').slice(0, 16);
  const folder = isReachable ? wanted : path.join(sharedFolder, name);
  if (!isReachable) {
    // Others pass through it, each to a folder of its own.
    await mkdir(sharedFolder, { recursive: true });
    await chmod(sharedFolder, 0o711);
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chown(folder, account.uid, account.gid);
  return folder;
}
