/** HTTP: whether the process lives and can serve. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { OneOf } from '@holdfast/contracts/schema';
import { Type } from '@sinclair/typebox';
import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { checkReadiness } from './check-readiness.ts';

const UpOrDown = OneOf(['up', 'down']);
const Ready = Type.Object({ status: OneOf(['ready', 'not ready']), database: UpOrDown, redis: UpOrDown });

export const healthRoutes: FastifyPluginAsyncTypebox<{ source: DataSource; redis: Redis }> = async (
  app,
  deps,
) => {
  const config = { permission: 'health.read-open', rateLimit: false } as const;
  const tags = ['health'];

  app.get(
    '/live',
    {
      config,
      schema: {
        tags,
        summary: 'The process answers',
        response: { 200: Type.Object({ status: Type.Literal('live') }) },
      },
    },
    async () => ({ status: 'live' as const }),
  );

  app.get(
    '/ready',
    {
      config,
      schema: {
        tags,
        summary: 'The process can serve; degraded but ready while Redis is away',
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      const { isReady, database, redis } = await checkReadiness(deps);
      reply.code(isReady ? 200 : 503);
      return { status: isReady ? 'ready' : 'not ready', database, redis } as const;
    },
  );
};
