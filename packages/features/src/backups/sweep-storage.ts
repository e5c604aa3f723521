/** Job: remove what nobody needs any more from every storage target: partial files, uploads. */
import type { OperationDeps } from '../operations/index.ts';
import { sweepUploads } from './import/import-uploads.ts';
import { sweepPartials } from './sweep-partials.ts';

export async function sweepStorage(
  deps: Pick<OperationDeps, 'source' | 'storage' | 'logger'>,
): Promise<void> {
  await sweepPartials(deps);
  await sweepUploads(deps);
}
