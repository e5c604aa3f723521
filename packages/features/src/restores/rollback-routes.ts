/** HTTP: undoing a restore. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { AppError } from '@holdfast/contracts/errors';
import { OperationAccepted, OperationProgress } from '@holdfast/contracts/operations';
import { RequestRollback, RollbackPreview, RollbackView } from '@holdfast/contracts/rollbacks';
import { OperationIdParam } from '@holdfast/contracts/schema';
import { actorOf, identityOf } from '../auth/index.ts';
import { presentOperation, readCurrentProgress, requestCancel } from '../operations/index.ts';
import { previewRollback } from './preview-rollback.ts';
import type { RequestRestoreDeps } from './request-restore.ts';
import { requestRollback } from './request-rollback.ts';
import { RollbackEntity } from './rollback.entity.ts';

const tags = ['restores'];

export const rollbackRoutes: FastifyPluginAsyncTypebox<RequestRestoreDeps> = async (app, deps) => {
  app.get(
    '/restores/:operationId/rollback-preview',
    {
      config: { permission: 'restores.rollback' },
      schema: {
        tags,
        summary: 'How a restore would be undone, and what was written since',
        params: OperationIdParam,
        response: { 200: RollbackPreview },
      },
    },
    async (request) => await previewRollback(deps, request.params.operationId),
  );

  app.post(
    '/restores/:operationId/rollback',
    {
      config: { permission: 'restores.rollback' },
      schema: {
        tags,
        summary: 'Undo a completed restore',
        params: OperationIdParam,
        body: RequestRollback,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { userId, role } = identityOf(request);
      const operationId = await requestRollback(deps, {
        operationId: request.params.operationId,
        reason: request.body.reason,
        actor: actorOf(request),
        userId,
        role,
      });
      reply.code(202).header('location', `${app.prefix}/rollbacks/${operationId}`);
      return { operationId, message: 'The rollback is accepted and will run as soon as a worker is free.' };
    },
  );

  app.get(
    '/rollbacks/:operationId',
    {
      config: { permission: 'restores.read' },
      schema: { tags, summary: 'One rollback', params: OperationIdParam, response: { 200: RollbackView } },
    },
    async (request) => {
      const { operationId } = request.params;
      const row = await deps.source.manager.findOneBy(RollbackEntity, { operationId });
      if (row === null) {
        throw new AppError('NOT_FOUND', `There is no rollback ${operationId}.`);
      }
      const { targetKey: _key, ...shown } = presentOperation(row);
      return shown;
    },
  );

  app.get(
    '/rollbacks/:operationId/progress',
    {
      config: { permission: 'restores.read' },
      schema: {
        tags,
        summary: 'Newest progress of a rollback',
        params: OperationIdParam,
        response: { 200: OperationProgress },
      },
    },
    async (request) => await readCurrentProgress(deps, { kind: 'rollback', id: request.params.operationId }),
  );

  app.post(
    '/rollbacks/:operationId/cancel',
    {
      config: { permission: 'restores.rollback' },
      schema: {
        tags,
        summary: 'Cancel a rollback that has not changed anything yet',
        params: OperationIdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { operationId } = request.params;
      await requestCancel(deps, { kind: 'rollback', id: operationId }, actorOf(request));
      reply.code(202);
      return { operationId, message: 'The rollback is being cancelled.' };
    },
  );
};
