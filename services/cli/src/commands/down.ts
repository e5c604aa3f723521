/** `holdfast down`: stops what `up` started, workers first, databases last. */
import { stopDaemon } from '@holdfast/platform/process/daemon';
import { findPrograms } from '@holdfast/platform/instances/programs';
import { privateServers } from '../stack/private-servers.ts';
import { pidFile, stackFolder } from '../stack/stack-folder.ts';
import { step } from '../terminal.ts';

/** A little more than a worker needs to hand its operations back. */
const workerGraceMs = 45_000;
const apiGraceMs = 15_000;

export async function runDown(): Promise<void> {
  const folder = stackFolder();
  await step('Worker stopped', () => stopDaemon(pidFile(folder, 'worker'), { graceMs: workerGraceMs }));
  await step('API stopped', () => stopDaemon(pidFile(folder, 'api'), { graceMs: apiGraceMs }));
  const programs = await findPrograms();
  if (programs !== null) {
    const { postgres, redis } = await privateServers(folder, programs);
    await step('Private Redis stopped', () => redis.stop());
    await step('Private PostgreSQL stopped', () => postgres.stop());
  }
}
