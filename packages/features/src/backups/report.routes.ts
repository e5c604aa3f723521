/** HTTP: what the backups come to as a whole: statistics of the storage, and the coverage report. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CoverageReport } from '@holdfast/contracts/coverage';
import { StorageStats } from '@holdfast/contracts/storage-stats';
import { type CoverageDeps, reportCoverage } from './report-coverage.ts';
import { StorageStatistics } from './storage-statistics.ts';

export const reportRoutes: FastifyPluginAsyncTypebox<CoverageDeps> = async (app, deps) => {
  const statistics = new StorageStatistics(deps.source, deps.clock);

  app.get(
    '/backups/storage/stats',
    {
      config: { permission: 'backups.read' },
      schema: {
        tags: ['storage'],
        summary: 'How much is stored, of what, and what to change',
        response: { 200: StorageStats },
      },
    },
    async () => await statistics.read(),
  );

  app.get(
    '/coverage',
    {
      // Each asks every registered server.
      config: { permission: 'coverage.read', rateLimit: { max: 20, timeWindow: '1 minute' } },
      schema: {
        tags: ['coverage'],
        summary: 'What is in no backup, with cause and remedy',
        response: { 200: CoverageReport },
      },
    },
    async () => await reportCoverage(deps),
  );
};
