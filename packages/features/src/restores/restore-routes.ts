/** HTTP: restores: validate, confirm, approve, follow, cancel. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { OperationAccepted } from '@holdfast/contracts/operations';
import {
  CreateRestore,
  Decision,
  ListRestoresQuery,
  RestoreList,
  RestoreOptions,
  RestoreProgress,
  RestoreValidation,
  RestoreView,
} from '@holdfast/contracts/restores';
import { IdempotencyKey, OperationIdParam } from '@holdfast/contracts/schema';
import type { FastifyRequest } from 'fastify';
import { actorOf, identityOf } from '../auth/index.ts';
import { cancelRestore } from './cancel-restore.ts';
import { approveRestore, rejectRestore } from './decide-restore.ts';
import { findRestore, listRestores, readRestoreProgress } from './list-restores.ts';
import { requestRestore, type RequestRestoreDeps } from './request-restore.ts';
import { presentRestore } from './restore.presenter.ts';
import { validateRestore } from './validate-restore.ts';

const tags = ['restores'];

/** Looking at a target costs its server something. */
const rateLimit = { max: 120, timeWindow: '1 minute' } as const;

const askedBy = (request: FastifyRequest) => ({
  actor: actorOf(request),
  userId: identityOf(request).userId,
});

export const restoreRoutes: FastifyPluginAsyncTypebox<RequestRestoreDeps> = async (app, deps) => {
  app.post(
    '/restores/validate',
    {
      config: { permission: 'restores.create', rateLimit },
      schema: {
        tags,
        summary: 'What a restore would do, what stands against it, and the token that confirms it',
        body: RestoreOptions,
        response: { 200: RestoreValidation },
      },
    },
    async (request) => await validateRestore(deps, request.body, askedBy(request)),
  );

  app.post(
    '/restores',
    {
      config: { permission: 'restores.create', rateLimit },
      schema: {
        tags,
        summary: 'Start a restore that was validated, with its token and the typed name of the target',
        body: CreateRestore,
        headers: IdempotencyKey,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const idempotencyKey = request.headers['idempotency-key'] ?? null;
      const operationId = await requestRestore(deps, {
        input: request.body,
        idempotencyKey,
        ...askedBy(request),
      });
      const { approvalStatus } = await findRestore(deps.source.manager, operationId);
      reply.code(202).header('location', `${app.prefix}/restores/${operationId}`);
      return {
        operationId,
        message:
          approvalStatus === 'awaiting'
            ? 'The restore is accepted and waits for the approval of another person.'
            : 'The restore is accepted and will run as soon as a worker is free.',
      };
    },
  );

  app.get(
    '/restores',
    {
      config: { permission: 'restores.read' },
      schema: {
        tags,
        summary: 'List restores',
        querystring: ListRestoresQuery,
        response: { 200: RestoreList },
      },
    },
    async (request) => {
      const page = await listRestores(deps.source, request.query);
      return { ...page, items: page.items.map(presentRestore) };
    },
  );

  app.get(
    '/restores/:operationId',
    {
      config: { permission: 'restores.read' },
      schema: { tags, summary: 'One restore', params: OperationIdParam, response: { 200: RestoreView } },
    },
    async (request) => presentRestore(await findRestore(deps.source.manager, request.params.operationId)),
  );

  app.get(
    '/restores/:operationId/progress',
    {
      config: { permission: 'restores.read' },
      schema: {
        tags,
        summary: 'Newest progress of a restore',
        params: OperationIdParam,
        response: { 200: RestoreProgress },
      },
    },
    async (request) => await readRestoreProgress(deps, request.params.operationId),
  );

  app.post(
    '/restores/:operationId/cancel',
    {
      config: { permission: 'restores.cancel' },
      schema: {
        tags,
        summary: 'Cancel a restore that has not changed anything yet',
        params: OperationIdParam,
        response: { 202: OperationAccepted },
      },
    },
    async (request, reply) => {
      const { operationId } = request.params;
      await cancelRestore(deps, operationId, actorOf(request));
      reply.code(202);
      return { operationId, message: 'The restore is being cancelled.' };
    },
  );

  for (const decision of ['approve', 'reject'] as const) {
    app.post(
      `/restores/:operationId/${decision}`,
      {
        config: { permission: 'restores.decide' },
        schema: {
          tags,
          summary: `${decision === 'approve' ? 'Approve' : 'Reject'} a restore that somebody else asked for`,
          params: OperationIdParam,
          body: Decision,
          response: { 202: OperationAccepted },
        },
      },
      async (request, reply) => {
        const { operationId } = request.params;
        const decide = decision === 'approve' ? approveRestore : rejectRestore;
        await decide(deps, { operationId, ...request.body, ...askedBy(request) });
        reply.code(202);
        return {
          operationId,
          message:
            decision === 'approve'
              ? 'The restore is approved and will run as soon as a worker is free.'
              : 'The restore is rejected.',
        };
      },
    );
  }
};
