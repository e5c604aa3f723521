/** HTTP: verifications of stored backups. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { AppError } from '@holdfast/contracts/errors';
import { ListOperationsQuery, OperationAccepted, OperationProgress } from '@holdfast/contracts/operations';
import { IdParam, OperationIdParam } from '@holdfast/contracts/schema';
import { VerificationList, VerificationView } from '@holdfast/contracts/verifications';
import { actorOf } from '../../auth/index.ts';
import {
  listOperations,
  presentOperation,
  readCurrentProgress,
  type RequestDeps,
  requestCancel,
} from '../../operations/index.ts';
import { parseBackupId } from '../parse-backup-id.ts';
import { requestVerification } from './request-verification.ts';
import { VerificationEntity } from './verification.entity.ts';

const tags = ['verifications'];

export const verificationRoutes: FastifyPluginAsyncTypebox<RequestDeps> = async (app, deps) => {
  app.post(
    '/backups/:id/verify',
    {
      config: { permission: 'backups.verify' },
      schema: {
        tags,
        summary: 'Read a stored backup to its end and compare everything in it with its manifest',
        params: IdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const operationId = await requestVerification(
        deps,
        { backupId: parseBackupId(request.params.id), copyId: null },
        actorOf(request),
      );
      reply.code(202).header('location', `${app.prefix}/verifications/${operationId}`);
      return {
        operationId,
        message: 'The verification is accepted and will run as soon as a worker is free.',
      };
    },
  );

  app.get(
    '/verifications',
    {
      config: { permission: 'backups.read' },
      schema: {
        tags,
        summary: 'List verifications',
        querystring: ListOperationsQuery,
        response: { 200: VerificationList },
      },
    },
    async (request) => {
      const page = await listOperations(deps.source, VerificationEntity, request.query);
      return { ...page, items: page.items.map(presentOperation) };
    },
  );

  app.get(
    '/verifications/:operationId',
    {
      config: { permission: 'backups.read' },
      schema: {
        tags,
        summary: 'One verification',
        params: OperationIdParam,
        response: { 200: VerificationView },
      },
    },
    async (request) => {
      const { operationId } = request.params;
      const row = await deps.source.manager.findOneBy(VerificationEntity, { operationId });
      if (row === null) {
        throw new AppError('NOT_FOUND', `There is no verification ${operationId}.`);
      }
      return presentOperation(row);
    },
  );

  app.get(
    '/verifications/:operationId/progress',
    {
      config: { permission: 'backups.read' },
      schema: {
        tags,
        summary: 'Newest progress of a verification',
        params: OperationIdParam,
        response: { 200: OperationProgress },
      },
    },
    async (request) => await readCurrentProgress(deps, { kind: 'verify', id: request.params.operationId }),
  );

  app.post(
    '/verifications/:operationId/cancel',
    {
      config: { permission: 'backups.verify' },
      schema: {
        tags,
        summary: 'Cancel a verification',
        params: OperationIdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { operationId } = request.params;
      await requestCancel(deps, { kind: 'verify', id: operationId }, actorOf(request));
      reply.code(202);
      return { operationId, message: 'The verification is being cancelled.' };
    },
  );
};
