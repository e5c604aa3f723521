/** HTTP: backups. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import {
  BackupAccepted,
  BackupList,
  BackupView,
  CreateBackup,
  ListBackupsQuery,
} from '@holdfast/contracts/backups';
import { BackupEstimate } from '@holdfast/contracts/backup-estimates';
import { AppError } from '@holdfast/contracts/errors';
import { Manifest } from '@holdfast/contracts/manifest';
import { OperationProgress } from '@holdfast/contracts/operations';
import { IdParam } from '@holdfast/contracts/schema';
import { Type } from '@sinclair/typebox';
import { type DataSource, Not } from 'typeorm';
import { actorOf, identityOf } from '../auth/index.ts';
import { readCurrentProgress, requestCancel } from '../operations/index.ts';
import { BackupEntity, type BackupRow } from './backup.entity.ts';
import { presentBackup } from './backup.presenter.ts';
import { deleteBackup } from './delete-backup.ts';
import { estimateBackup } from './estimate-backup.ts';
import { listBackups } from './list-backups.ts';
import { type RequestBackupDeps, requestBackup } from './request-backup.ts';

const tags = ['backups'];
const IdempotencyKey = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]+$' }),
  ),
});

export const backupRoutes: FastifyPluginAsyncTypebox<RequestBackupDeps> = async (app, deps) => {
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
      schema: { tags, summary: 'One backup', params: IdParam, response: { 200: BackupView } },
    },
    async (request) => presentBackup(await findBackup(deps.source, request.params.id)),
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
      await readCurrentProgress(deps, { kind: 'backup', id: String(parseId(request.params.id)) }),
  );

  app.get(
    '/backups/:id/manifest',
    {
      config: { permission: 'backups.read' },
      schema: { tags, summary: 'What is in a backup', params: IdParam, response: { 200: Manifest } },
    },
    async (request) => {
      const row = await deps.source.manager.findOne(BackupEntity, {
        where: { id: parseId(request.params.id), status: Not('deleted') },
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

  app.delete(
    '/backups/:id',
    {
      config: { permission: 'backups.delete' },
      schema: { tags, summary: 'Delete a backup', params: IdParam, response: { 202: BackupAccepted } },
    },
    async (request, reply) => {
      const backupId = parseId(request.params.id);
      await deleteBackup(deps, backupId, actorOf(request));
      reply.code(202);
      return { backupId, message: 'The backup is being deleted.' };
    },
  );
};

const largestId = 2_147_483_647;

/** Ids beyond the column's range name no backup. */
function parseId(text: string): number {
  const id = Number(text);
  if (id > largestId) {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${text}.`);
  }
  return id;
}

async function findBackup(source: DataSource, idText: string): Promise<BackupRow> {
  const row = await source.manager.findOneBy(BackupEntity, { id: parseId(idText), status: Not('deleted') });
  if (row === null) {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${idText}.`);
  }
  return row;
}
