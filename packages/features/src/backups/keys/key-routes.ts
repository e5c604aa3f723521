/** HTTP: the keys of encrypted backups. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { KeyCheckAccepted, KeyCheckRequest, KeyReport, RequestIdParam } from '@holdfast/contracts/keys';
import { actorOf } from '../../auth/index.ts';
import type { RequestDeps } from '../../operations/index.ts';
import { findKeyCheckRequest, reportKeys, type ReportKeysDeps } from './report-keys.ts';
import { requestKeyCheck } from './request-key-check.ts';

const tags = ['keys'];

export const keyRoutes: FastifyPluginAsyncTypebox<RequestDeps & ReportKeysDeps> = async (app, deps) => {
  app.get(
    '/keys',
    {
      config: { permission: 'keys.read' },
      schema: {
        tags,
        summary: 'Whom backups are encrypted for, and whether a worker could open the newest ones',
        response: { 200: KeyReport },
      },
    },
    async () => await reportKeys(deps),
  );

  app.post(
    '/keys/check',
    {
      config: { permission: 'keys.check' },
      schema: {
        tags,
        summary: 'Have a worker that has an identity open the newest backup for each set of recipients',
        response: { 202: KeyCheckAccepted },
      },
    },
    async (request, reply) => {
      const requestId = await requestKeyCheck(deps, actorOf(request));
      reply.code(202).header('location', `${app.prefix}/keys/checks/${requestId}`);
      return { requestId, message: 'The keys will be checked by a worker that has an identity.' };
    },
  );

  app.get(
    '/keys/checks/:requestId',
    {
      config: { permission: 'keys.read' },
      schema: {
        tags,
        summary: 'A check of the keys that was asked for',
        params: RequestIdParam,
        response: { 200: KeyCheckRequest },
      },
    },
    async (request) => await findKeyCheckRequest(deps.source, request.params.requestId),
  );
};
