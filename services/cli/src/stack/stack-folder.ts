/** Where everything of an installation started by `up` lies. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readEnvironment } from '@holdfast/platform/config/load-config';

export interface StackFolder {
  /** The clone. */
  readonly root: string;
  readonly data: string;
  readonly logs: string;
  readonly run: string;
}

export function stackFolder(): StackFolder {
  const root = path.resolve(fileURLToPath(new URL('../../../..', import.meta.url)));
  const data = path.resolve(root, readEnvironment()['HOLDFAST_DATA_DIR'] || '.holdfast');
  return { root, data, logs: path.join(data, 'logs'), run: path.join(data, 'run') };
}

export function pidFile(folder: StackFolder, service: 'api' | 'worker'): string {
  return path.join(folder.run, `${service}.json`);
}
