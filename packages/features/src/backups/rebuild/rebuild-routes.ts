/** HTTP: rebuilding the catalogue from storage. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { RebuildCatalog, RebuildView } from '@holdfast/contracts/catalog';
import { AppError } from '@holdfast/contracts/errors';
import { OperationAccepted, OperationProgress } from '@holdfast/contracts/operations';
import { OperationIdParam } from '@holdfast/contracts/schema';
import { actorOf } from '../../auth/index.ts';
import { presentOperation, readCurrentProgress, requestCancel } from '../../operations/index.ts';
import { RebuildEntity } from './rebuild.entity.ts';
import { requestRebuild, type RequestRebuildDeps } from './request-rebuild.ts';

const tags = ['catalog'];
const config = { permission: 'catalog.rebuild' } as const;

export const rebuildRoutes: FastifyPluginAsyncTypebox<RequestRebuildDeps> = async (app, deps) => {
  app.post(
    '/catalog/rebuild',
    {
      config,
      schema: {
        tags,
        summary: 'Recreate the rows of backups from the manifests beside them; no row is ever changed',
        body: RebuildCatalog,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const operationId = await requestRebuild(deps, request.body, actorOf(request));
      reply.code(202).header('location', `${app.prefix}/catalog/rebuilds/${operationId}`);
      return { operationId, message: 'The rebuild is accepted and will run as soon as a worker is free.' };
    },
  );

  app.get(
    '/catalog/rebuilds/:operationId',
    {
      config,
      schema: {
        tags,
        summary: 'One rebuild of the catalogue',
        params: OperationIdParam,
        response: { 200: RebuildView },
      },
    },
    async (request) => {
      const { operationId } = request.params;
      const row = await deps.source.manager.findOneBy(RebuildEntity, { operationId });
      if (row === null) {
        throw new AppError('NOT_FOUND', `There is no rebuild ${operationId}.`);
      }
      return presentOperation(row);
    },
  );

  app.get(
    '/catalog/rebuilds/:operationId/progress',
    {
      config,
      schema: {
        tags,
        summary: 'Newest progress of a rebuild',
        params: OperationIdParam,
        response: { 200: OperationProgress },
      },
    },
    async (request) => await readCurrentProgress(deps, { kind: 'rebuild', id: request.params.operationId }),
  );

  app.post(
    '/catalog/rebuilds/:operationId/cancel',
    {
      config,
      schema: {
        tags,
        summary: 'Cancel a rebuild; what it has recreated stays',
        params: OperationIdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { operationId } = request.params;
      await requestCancel(deps, { kind: 'rebuild', id: operationId }, actorOf(request));
      reply.code(202);
      return { operationId, message: 'The rebuild is being cancelled.' };
    },
  );
};
