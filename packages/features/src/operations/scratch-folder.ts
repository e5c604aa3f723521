/** Private folders of one attempt on this worker's disk: there while it runs, gone when it ends. */
import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@holdfast/contracts/errors';
import type { OperationContext, OperationDeps } from './operation-context.ts';
import { isRunning, operationTables } from './operation-table.ts';

/** `<kind>-<id>-<attempt>` */
const folderName = /^([a-z_]+)-(.+)-(\d+)$/;
/** So that a neighbour on the same disk is not starved by the last byte. */
const spareBytes = 64 * 1024 * 1024;

export interface ScratchFolderOptions {
  /** Unique within the attempt. */
  readonly name: string;
  /** What will be written there; checked before anything is. */
  readonly neededBytes: number;
}

/** @throws AppError INSUFFICIENT_SPACE */
export async function createScratchFolder(
  { deps, ref, attempt, onEnd }: OperationContext,
  { name, neededBytes }: ScratchFolderOptions,
): Promise<string> {
  const own = path.join(deps.scratchDir, `${ref.kind}-${ref.id}-${attempt}`);
  await mkdir(own, { recursive: true, mode: 0o700 });
  onEnd(() => rm(own, { recursive: true, force: true }));
  await expectSpace(deps.scratchDir, neededBytes);
  const folder = path.join(own, name);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

async function expectSpace(folder: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const wanted = neededBytes === 0 ? 0 : neededBytes + spareBytes;
  if (freeBytes < wanted) {
    throw new AppError(
      'INSUFFICIENT_SPACE',
      `The scratch folder ${folder} has ${freeBytes} bytes free; about ${wanted} are needed.`,
      {
        remediation:
          'Free space there, name a larger folder in HOLDFAST_SCRATCH_DIR of the workers, or use the format custom, which needs none.',
      },
    );
  }
}

/** Job: remove folders of attempts that no longer run: what a killed worker left behind. */
export async function sweepScratchFolders(
  deps: Pick<OperationDeps, 'source' | 'scratchDir' | 'logger'>,
): Promise<void> {
  const names = await readdir(deps.scratchDir).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  for (const name of names) {
    if (!(await isInUse(deps, name))) {
      await rm(path.join(deps.scratchDir, name), { recursive: true, force: true });
      deps.logger.info({ folder: name }, 'removed a scratch folder that no attempt uses any more');
    }
  }
}

/** A name that is none of ours, or of an operation that is unknown here, is left alone. */
async function isInUse({ source }: Pick<OperationDeps, 'source'>, name: string): Promise<boolean> {
  const [, kind = '', id, attempt] = folderName.exec(name) ?? [];
  const table = Object.values(operationTables).find((candidate) => candidate.kind === kind);
  if (table === undefined) {
    return true;
  }
  const [row] = (await source.query(
    `SELECT ${isRunning(table)} AND attempt = $2 AS "isRunning" FROM ${table.table} WHERE ${table.key}::text = $1`,
    [id, Number(attempt)],
  )) as { isRunning: boolean }[];
  return row?.isRunning ?? true;
}
