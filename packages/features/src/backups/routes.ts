/** HTTP: backups. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  BackupAccepted,
  BackupDetail,
  BackupList,
  BackupView,
  CreateBackup,
  ListBackupsQuery,
} from '@holdfast/contracts/backups';
import { BackupEstimate } from '@holdfast/contracts/backup-estimates';
import { AppError } from '@holdfast/contracts/errors';
import { Manifest } from '@holdfast/contracts/manifest';
import { OperationProgress } from '@holdfast/contracts/operations';
import { IdempotencyKey, IdParam } from '@holdfast/contracts/schema';
import { UpdateBackup } from '@holdfast/contracts/update-backup';
import { type DataSource, Not } from 'typeorm';
import { actorOf, identityOf } from '../auth/index.ts';
import { readCurrentProgress, requestCancel } from '../operations/index.ts';
import { anomalyRoutes } from './anomalies/anomaly-routes.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { presentBackup } from './backup.presenter.ts';
import { copyRoutes } from './copies/copy-routes.ts';
import { presentCopy } from './copies/copy.presenter.ts';
import { listCopies } from './copies/find-copy.ts';
import { deleteBackup } from './delete-backup.ts';
import type { CoverageDeps } from './report-coverage.ts';
import { reportRoutes } from './report.routes.ts';
import { contentsRoutes } from './contents/contents-routes.ts';
import type { DownloadDeps } from './downloads/download-deps.ts';
import { downloadRoutes } from './downloads/download-routes.ts';
import { keyRoutes } from './keys/key-routes.ts';
import { listBackups } from './list/list-backups.ts';
import { lookAtFile } from './look-at-file.ts';
import type { StoredArchiveDeps } from './stored-archive.ts';
import { parseBackupId } from './parse-backup-id.ts';
import { estimateBackup } from './estimate-backup.ts';
import { type RequestBackupDeps, requestBackup } from './request-backup.ts';
import { updateBackup } from './update-backup.ts';
import { importRoutes } from './import/import-routes.ts';
import { recoveryKitRoutes } from './recovery-kit/recovery-kit-routes.ts';
import { retentionRoutes } from './retention/retention-routes.ts';
import { rebuildRoutes } from './rebuild/rebuild-routes.ts';
import { verificationRoutes } from './verifications/verification-routes.ts';

const tags = ['backups'];

type BackupRoutesDeps = RequestBackupDeps & CoverageDeps & DownloadDeps & StoredArchiveDeps;

export const backupRoutes: FastifyPluginAsyncTypebox<BackupRoutesDeps> = async (app, deps) => {
  await app.register(reportRoutes, { ...deps, prefix: '' });
  await app.register(verificationRoutes, { ...deps, prefix: '' });
  await app.register(importRoutes, { ...deps, prefix: '' });
  await app.register(recoveryKitRoutes, { ...deps, prefix: '' });
  await app.register(rebuildRoutes, { ...deps, prefix: '' });
  await app.register(copyRoutes, { ...deps, prefix: '' });
  await app.register(retentionRoutes, { ...deps, prefix: '' });
  await app.register(downloadRoutes, { ...deps, prefix: '' });
  await app.register(contentsRoutes, { ...deps, prefix: '' });
  await app.register(anomalyRoutes, { ...deps, prefix: '' });
  await app.register(keyRoutes, { ...deps, prefix: '' });

  app.get(
    '/backups',
    {
      config: { permission: 'backups.read' },
      schema: { tags, summary: 'List backups', querystring: ListBackupsQuery, response: { 200: BackupList } },
    },
    async (request) => {
      const page = await listBackups(deps.source, request.query);
      return { ...page, items: page.items.map(presentBackup) };
    },
  );

  app.post(
    '/backups',
    {
      config: { permission: 'backups.create' },
      schema: {
        tags,
        summary: 'Create a backup',
        body: CreateBackup,
        headers: IdempotencyKey,
        response: { 202: BackupAccepted },
      },
    },
    async (request, reply) => {
      const idempotencyKey = request.headers['idempotency-key'] ?? null;
      const backupId = await requestBackup(deps, {
        input: request.body,
        actor: actorOf(request),
        idempotencyKey,
      });
      reply.code(202).header('location', `${app.prefix}/backups/${backupId}`);
      return { backupId, message: 'The backup is accepted and will run as soon as a worker is free.' };
    },
  );

  app.post(
    '/backups/estimate',
    {
      config: { permission: 'backups.estimate' },
      schema: {
        tags,
        summary: 'What a backup with these options would hold, come to and take; nothing is made',
        body: CreateBackup,
        response: { 200: BackupEstimate },
      },
    },
    async (request) => await estimateBackup(deps, request.body),
  );

  app.get(
    '/backups/:id',
    {
      config: { permission: 'backups.read' },
      schema: { tags, summary: 'One backup and its file', params: IdParam, response: { 200: BackupDetail } },
    },
    async (request) => {
      const row = await findBackup(deps.source, request.params.id);
      const [file, copies] = await Promise.all([
        lookAtFile(deps.storage, row),
        listCopies(deps.source.manager, row.id),
      ]);
      return { ...presentBackup(row), file, storedCopies: copies.map(presentCopy) };
    },
  );

  app.get(
    '/backups/:id/progress',
    {
      config: { permission: 'backups.read' },
      schema: {
        tags,
        summary: 'Newest progress of a backup',
        params: IdParam,
        response: { 200: OperationProgress },
      },
    },
    async (request) =>
      await readCurrentProgress(deps, { kind: 'backup', id: String(parseBackupId(request.params.id)) }),
  );

  app.get(
    '/backups/:id/manifest',
    {
      config: { permission: 'backups.read' },
      schema: { tags, summary: 'What is in a backup', params: IdParam, response: { 200: Manifest } },
    },
    async (request) => {
      const row = await deps.source.manager.findOne(BackupEntity, {
        where: { id: parseBackupId(request.params.id), status: Not('deleted') },
        select: { id: true, manifest: true },
      });
      if (row?.manifest == null) {
        throw new AppError('BACKUP_NOT_FOUND', `There is no completed backup ${request.params.id}.`);
      }
      return row.manifest;
    },
  );

  app.post(
    '/backups/:id/cancel',
    {
      config: { permission: 'backups.cancel' },
      schema: { tags, summary: 'Cancel a backup', params: IdParam, response: { 202: BackupAccepted } },
    },
    async (request, reply) => {
      const row = await findBackup(deps.source, request.params.id);
      const { role, userId } = identityOf(request);
      if (role !== 'admin' && role !== 'super-admin' && row.createdBy !== userId) {
        throw new AppError('FORBIDDEN', 'Only who created a backup, or an admin, may cancel it.');
      }
      await requestCancel(deps, { kind: 'backup', id: String(row.id) }, actorOf(request));
      reply.code(202);
      return { backupId: row.id, message: 'The backup is being cancelled.' };
    },
  );

  app.patch(
    '/backups/:id',
    {
      config: { permission: 'backups.update' },
      schema: {
        tags,
        summary: 'Change name, description, tags, protection or expiry of a backup',
        params: IdParam,
        body: UpdateBackup,
        response: { 200: BackupView },
      },
    },
    async (request) =>
      presentBackup(
        await updateBackup(deps, parseBackupId(request.params.id), request.body, actorOf(request)),
      ),
  );

  app.delete(
    '/backups/:id',
    {
      config: { permission: 'backups.delete' },
      schema: { tags, summary: 'Delete a backup', params: IdParam, response: { 202: BackupAccepted } },
    },
    async (request, reply) => {
      const backupId = parseBackupId(request.params.id);
      await deleteBackup(deps, backupId, actorOf(request));
      reply.code(202);
      return { backupId, message: 'The backup is being deleted.' };
    },
  );
};

async function findBackup(source: DataSource, idText: string): Promise<BackupRow> {
  const row = await source.manager.findOneBy(BackupEntity, {
    id: parseBackupId(idText),
    status: Not('deleted'),
  });
  if (row === null) {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${idText}.`);
  }
  return row;
}
