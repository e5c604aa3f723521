/** Says in the log which PostgreSQL clients of this worker have flaws that a newer minor release mends. */
import { flawsOf, patchedRelease } from '@holdfast/platform/pgtools/client-flaws';
import type { WorkerDeps } from './deps.ts';

export async function warnOfFlawedClients({
  findClients,
  logger,
}: Pick<WorkerDeps, 'findClients' | 'logger'>): Promise<void> {
  for (const { pgDump, version } of await findClients()) {
    for (const { ids, effect } of flawsOf(version)) {
      const release = patchedRelease(version);
      logger.warn(
        { client: pgDump, version, flaws: ids, upgradeTo: release ?? 'a supported major version' },
        `PostgreSQL client ${version}: ${effect}`,
      );
    }
  }
}
