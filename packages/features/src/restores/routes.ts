/** HTTP: drills, and the door for restores and rollbacks. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { CopyParams } from '@holdfast/contracts/copies';
import { DrillList, DrillView } from '@holdfast/contracts/drills';
import { AppError } from '@holdfast/contracts/errors';
import { ListOperationsQuery, OperationAccepted, OperationProgress } from '@holdfast/contracts/operations';
import { IdParam, OperationIdParam } from '@holdfast/contracts/schema';
import { actorOf } from '../auth/index.ts';
import {
  listOperations,
  presentOperation,
  readCurrentProgress,
  type RequestDeps,
  requestCancel,
} from '../operations/index.ts';
import { DrillEntity } from './drill.entity.ts';
import { requestDrill } from './request-drill.ts';
import type { RequestRestoreDeps } from './request-restore.ts';
import { restoreRoutes } from './restore-routes.ts';
import { rollbackRoutes } from './rollback-routes.ts';

const tags = ['drills'];

export const restoresRoutes: FastifyPluginAsyncTypebox<RequestRestoreDeps> = async (app, deps) => {
  await app.register(restoreRoutes, { ...deps, prefix: '' });
  await app.register(rollbackRoutes, { ...deps, prefix: '' });
  await app.register(drillRoutes, { ...deps, prefix: '' });
};

const drillRoutes: FastifyPluginAsyncTypebox<RequestDeps> = async (app, deps) => {
  app.post(
    '/backups/:id/drill',
    {
      config: { permission: 'drills.create' },
      schema: {
        tags,
        summary: 'Restore a backup into a scratch database and compare it with its manifest',
        params: IdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const operationId = await requestDrill(
        deps,
        { backupId: Number(request.params.id), copyId: null },
        actorOf(request),
      );
      reply.code(202).header('location', `${app.prefix}/drills/${operationId}`);
      return { operationId, message: 'The drill is accepted and will run as soon as a worker is free.' };
    },
  );

  app.post(
    '/backups/:id/copies/:copyId/drill',
    {
      config: { permission: 'drills.create' },
      schema: {
        tags,
        summary: 'Restore a copy of a backup into a scratch database and compare it with its manifest',
        params: CopyParams,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { id, copyId } = request.params;
      const operationId = await requestDrill(deps, { backupId: Number(id), copyId }, actorOf(request));
      reply.code(202).header('location', `${app.prefix}/drills/${operationId}`);
      return { operationId, message: 'The drill is accepted and will run as soon as a worker is free.' };
    },
  );

  app.get(
    '/drills',
    {
      config: { permission: 'drills.read' },
      schema: {
        tags,
        summary: 'List drills',
        querystring: ListOperationsQuery,
        response: { 200: DrillList },
      },
    },
    async (request) => {
      const page = await listOperations(deps.source, DrillEntity, request.query);
      return { ...page, items: page.items.map(presentOperation) };
    },
  );

  app.get(
    '/drills/:operationId',
    {
      config: { permission: 'drills.read' },
      schema: { tags, summary: 'One drill', params: OperationIdParam, response: { 200: DrillView } },
    },
    async (request) => {
      const { operationId } = request.params;
      const row = await deps.source.manager.findOneBy(DrillEntity, { operationId });
      if (row === null) {
        throw new AppError('NOT_FOUND', `There is no drill ${operationId}.`);
      }
      return presentOperation(row);
    },
  );

  app.get(
    '/drills/:operationId/progress',
    {
      config: { permission: 'drills.read' },
      schema: {
        tags,
        summary: 'Newest progress of a drill',
        params: OperationIdParam,
        response: { 200: OperationProgress },
      },
    },
    async (request) => await readCurrentProgress(deps, { kind: 'drill', id: request.params.operationId }),
  );

  app.post(
    '/drills/:operationId/cancel',
    {
      config: { permission: 'drills.create' },
      schema: {
        tags,
        summary: 'Cancel a drill',
        params: OperationIdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { operationId } = request.params;
      await requestCancel(deps, { kind: 'drill', id: operationId }, actorOf(request));
      reply.code(202);
      return { operationId, message: 'The drill is being cancelled.' };
    },
  );
};
