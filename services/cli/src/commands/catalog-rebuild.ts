/** `holdfast catalog rebuild`: the rows of backups recreated from the manifests that lie beside them. */
import type { RebuildResult, RebuildView } from '@holdfast/contracts/catalog';
import type { OperationAccepted } from '@holdfast/contracts/operations';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import { apiBase } from '../api-client.ts';
import { signIn } from '../sign-in.ts';
import { formatCount, progressLine, say } from '../terminal.ts';

export interface CatalogRebuildOptions {
  readonly storage?: string;
  readonly acceptUnsigned?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code: 1 also where something that lies in the storage is not in the catalogue afterwards */
export async function runCatalogRebuild(options: CatalogRebuildOptions): Promise<number> {
  const api = await signIn();
  const { operationId } = await api.post<OperationAccepted>(`${apiBase}/catalog/rebuild`, {
    ...(options.storage === undefined ? {} : { storageTarget: options.storage }),
    acceptUnsigned: options.acceptUnsigned ?? false,
  });
  const address = `${apiBase}/catalog/rebuilds/${operationId}`;
  const line = options.json === true ? null : progressLine('Rebuild');
  try {
    await api.follow(
      { kind: 'rebuild', id: operationId },
      ({ progressPercent, currentStep }) => line?.update(progressPercent, currentStep),
      `${address}/progress`,
    );
  } finally {
    line?.stop();
  }
  const { status, result, errorCode, errorMessage, errorRemediation } = await api.get<RebuildView>(address);
  if (result === null) {
    throw new AppError(
      (errorCode ?? 'INTERNAL') as ErrorCode,
      errorMessage ?? `The rebuild ended as ${status}.`,
      errorRemediation === null ? {} : { remediation: errorRemediation },
    );
  }
  if (options.json === true) {
    say(JSON.stringify(result, null, 2));
  } else {
    printResult(result);
  }
  return result.skipped === 0 ? 0 : 1;
}

function printResult(result: RebuildResult): void {
  const rows: [string, string][] = [
    ['Storage', result.storageTarget],
    ['Manifests found', formatCount(result.found)],
    ['Recreated', formatCount(result.recreated)],
    ['There already', formatCount(result.alreadyThere)],
    ['Skipped', formatCount(result.skipped)],
    ['Files without manifest', formatCount(result.filesWithoutManifest)],
    ...result.databasesCreated.map((name): [string, string] => [
      'New database entry',
      `"${name}": give its connection with PUT ${apiBase}/databases/:id`,
    ]),
  ];
  say();
  for (const [name, value] of rows) {
    say(`  ${name.padEnd(24)} ${value}`);
  }
  for (const { path, reason, detail } of result.skippedManifests) {
    say(`  ${reason.padEnd(24)} ${path}\n  ${''.padEnd(24)} ${detail}`);
  }
  say();
}
