/** HTTP: copies of backups. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { BackupAccepted } from '@holdfast/contracts/backups';
import {
  BackupCopyList,
  BackupCopyView,
  CopyAccepted,
  CopyParams,
  CreateCopy,
} from '@holdfast/contracts/copies';
import { AppError } from '@holdfast/contracts/errors';
import { OperationAccepted, OperationProgress } from '@holdfast/contracts/operations';
import { IdParam } from '@holdfast/contracts/schema';
import { type DataSource, Not } from 'typeorm';
import { actorOf } from '../../auth/index.ts';
import { type CurrentProgressDeps, readCurrentProgress, requestCancel } from '../../operations/index.ts';
import { BackupEntity } from '../backup.entity.ts';
import { parseBackupId } from '../parse-backup-id.ts';
import { requestVerification } from '../verifications/request-verification.ts';
import { BackupCopyEntity, type BackupCopyRow } from './copy.entity.ts';
import { presentCopy } from './copy.presenter.ts';
import { deleteCopy } from './delete-copy.ts';
import { type CopyName, listCopies } from './find-copy.ts';
import { promoteCopy } from './promote-copy.ts';
import { type RequestCopyDeps, requestCopy } from './request-copy.ts';

const tags = ['copies'];
const one = '/backups/:id/copies/:copyId';

export const copyRoutes: FastifyPluginAsyncTypebox<RequestCopyDeps & CurrentProgressDeps> = async (
  app,
  deps,
) => {
  app.get(
    '/backups/:id/copies',
    {
      config: { permission: 'backups.read' },
      schema: { tags, summary: 'The copies of a backup', params: IdParam, response: { 200: BackupCopyList } },
    },
    async (request) => {
      const id = parseBackupId(request.params.id);
      if (!(await deps.source.manager.existsBy(BackupEntity, { id, status: Not('deleted') }))) {
        throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${id}.`);
      }
      return { items: (await listCopies(deps.source.manager, id)).map(presentCopy) };
    },
  );

  app.post(
    '/backups/:id/copies',
    {
      config: { permission: 'backups.copy' },
      schema: {
        tags,
        summary: 'Copy a stored backup to a further target, or try again what failed',
        params: IdParam,
        body: CreateCopy,
        response: { 202: CopyAccepted },
      },
    },
    async (request, reply) => {
      const backupId = parseBackupId(request.params.id);
      const { storageTarget } = request.body;
      const copyId = await requestCopy(deps, { backupId, storageTarget, actor: actorOf(request) });
      reply.code(202).header('location', `${app.prefix}/backups/${backupId}/copies/${copyId}`);
      return { copyId, message: 'The copy is accepted and will be made as soon as a worker is free.' };
    },
  );

  app.get(
    one,
    {
      config: { permission: 'backups.read' },
      schema: { tags, summary: 'One copy', params: CopyParams, response: { 200: BackupCopyView } },
    },
    async (request) => presentCopy(await findCopy(deps.source, nameOf(request.params))),
  );

  app.get(
    `${one}/progress`,
    {
      config: { permission: 'backups.read' },
      schema: {
        tags,
        summary: 'Newest progress of a copy',
        params: CopyParams,
        response: { 200: OperationProgress },
      },
    },
    async (request) => {
      const { id } = await findCopy(deps.source, nameOf(request.params));
      return await readCurrentProgress(deps, { kind: 'copy', id });
    },
  );

  app.post(
    `${one}/cancel`,
    {
      config: { permission: 'backups.copy' },
      schema: { tags, summary: 'Stop making a copy', params: CopyParams, response: { 202: CopyAccepted } },
    },
    async (request, reply) => {
      const { id } = await findCopy(deps.source, nameOf(request.params));
      await requestCancel(deps, { kind: 'copy', id }, actorOf(request));
      reply.code(202);
      return { copyId: id, message: 'The copy is being cancelled.' };
    },
  );

  app.post(
    `${one}/verify`,
    {
      config: { permission: 'backups.verify' },
      schema: {
        tags,
        summary: 'Read a copy to its end and compare everything in it with the manifest',
        params: CopyParams,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const operationId = await requestVerification(deps, nameOf(request.params), actorOf(request));
      reply.code(202).header('location', `${app.prefix}/verifications/${operationId}`);
      return {
        operationId,
        message: 'The verification is accepted and will run as soon as a worker is free.',
      };
    },
  );

  app.post(
    `${one}/promote`,
    {
      config: { permission: 'backups.copy' },
      schema: {
        tags,
        summary: 'Let a copy and the backup itself change places; no byte is moved',
        params: CopyParams,
        response: { 200: BackupAccepted },
      },
    },
    async (request) => {
      const name = nameOf(request.params);
      await promoteCopy(deps, name, actorOf(request));
      return { backupId: name.backupId, message: 'The backup is read from where the copy was from now on.' };
    },
  );

  app.delete(
    one,
    {
      config: { permission: 'backups.delete' },
      schema: { tags, summary: 'Delete a copy', params: CopyParams, response: { 202: CopyAccepted } },
    },
    async (request, reply) => {
      const name = nameOf(request.params);
      await deleteCopy(deps, name, actorOf(request));
      reply.code(202);
      return { copyId: name.copyId, message: 'The copy is being deleted.' };
    },
  );
};

function nameOf({ id, copyId }: { id: string; copyId: string }): CopyName {
  return { backupId: parseBackupId(id), copyId };
}

async function findCopy(source: DataSource, { backupId, copyId }: CopyName): Promise<BackupCopyRow> {
  const row = await source.manager.findOneBy(BackupCopyEntity, {
    id: copyId,
    backupId,
    status: Not('deleted'),
  });
  if (row === null) {
    throw new AppError('NOT_FOUND', `Backup ${backupId} has no copy ${copyId}.`);
  }
  return row;
}
