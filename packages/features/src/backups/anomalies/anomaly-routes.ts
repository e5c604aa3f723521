/** HTTP: accepting that a backup is unusual. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { AcceptAnomalies } from '@holdfast/contracts/anomalies';
import { BackupView } from '@holdfast/contracts/backups';
import { IdParam } from '@holdfast/contracts/schema';
import type { DataSource } from 'typeorm';
import { actorOf } from '../../auth/index.ts';
import { presentBackup } from '../backup.presenter.ts';
import { parseBackupId } from '../parse-backup-id.ts';
import { acceptAnomalies } from './accept-anomalies.ts';

export const anomalyRoutes: FastifyPluginAsyncTypebox<{ readonly source: DataSource }> = async (
  app,
  { source },
) => {
  app.post(
    '/backups/:id/accept-anomalies',
    {
      config: { permission: 'backups.accept-anomalies' },
      schema: {
        tags: ['backups'],
        summary: "Accept that a backup differs from its database's history, so that it counts as a good one",
        params: IdParam,
        body: AcceptAnomalies,
        response: { 200: BackupView },
      },
    },
    async (request) =>
      presentBackup(
        await acceptAnomalies(source, {
          backupId: parseBackupId(request.params.id),
          reason: request.body.reason,
          actor: actorOf(request),
        }),
      ),
  );
};
