/** A script is code: one that was changed is not replayed, not even where somebody changed the catalogue's checksum and manifest with it. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { BackupView } from '@holdfast/contracts/backups';
import type { DrillView } from '@holdfast/contracts/drills';
import { runCommand } from '@holdfast/platform/process/run-command';
import type { TestClient } from '@holdfast/testkit/test-client';
import { TestStack } from '@holdfast/testkit/test-stack';

jest.setTimeout(60_000);

describe('a stored script', () => {
  let stack: TestStack;
  let client: TestClient;
  let backup: BackupView;
  let script: string;

  beforeAll(async () => {
    stack = await TestStack.create({ settings: { max_retries: 0 } });
    ({ client } = await stack.startApi());
    await stack.startWorker();
    backup = await stack.backUp(client, { backupFormat: 'plain', compressionType: 'none' });
    script = await readFile(stack.storedPath(backup), 'utf8');
  });
  afterAll(async () => await stack.destroy());

  async function drillOf(changed: string, isChecksumForged: boolean): Promise<DrillView> {
    const file = stack.storedPath(backup);
    await writeFile(file, changed);
    if (isChecksumForged) {
      const sum = (await runCommand('sha256sum', [file])).slice(0, 64);
      const { size } = await stat(file);
      await stack.metadata.query(
        `UPDATE admin_backups SET checksum_sha256 = $1::text, file_size = $2,
           manifest = jsonb_set(manifest, '{file,sha256}', to_jsonb($1::text))`,
        [sum, size],
      );
    }
    return await stack.drill(client, backup.id);
  }

  const proof = (): string => path.join(stack.folder, 'was-run');
  const before = 'SET row_security = off;\n';

  it.each<[string, (text: string) => string]>([
    ['runs a program', (text) => text.replace(before, `${before}\\! touch ${proof()}\n`)],
    [
      'runs a program behind rows that end early',
      (text) => text.replace('\n\\.\n', `\n\\.\n\\! touch ${proof()}\n`),
    ],
    [
      'hides a program in what only looks like a string',
      (text) => text.replace(before, `${before}SELECT 'a\\' \\! touch ${proof()}\n`),
    ],
    ['unlocks psql first', (text) => text.replace(before, `${before}\\unrestrict x\n\\! touch ${proof()}\n`)],
    [
      'copies from a program',
      (text) => text.replace(before, `${before}COPY forum.x FROM PROGRAM 'touch ${proof()}';\n`),
    ],
    ['leads to another database', (text) => text.replace(before, `${before}\\connect postgres\n`)],
    ['commits half-way', (text) => text.replace(before, `${before}COMMIT;\n`)],
    ['is cut short', (text) => text.slice(0, text.length / 2)],
  ])('that %s is not replayed', async (_what, change) => {
    const changed = change(script);
    expect(changed).not.toBe(script);
    const stopped = await drillOf(changed, false);
    expect(stopped).toMatchObject({ status: 'failed', errorCode: 'FILE_CORRUPTION' });
    expect(stopped.errorMessage).toContain('SHA-256');
    expect(await drillOf(changed, true)).toMatchObject({ status: 'failed', errorCode: 'FILE_CORRUPTION' });
    await expect(stat(proof())).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await stack.scratchDatabases()).toEqual([]);
  });

  it('that is as it was is replayed', async () => {
    expect(await drillOf(script, true)).toMatchObject({ status: 'completed', result: { isEqual: true } });
  });
});
