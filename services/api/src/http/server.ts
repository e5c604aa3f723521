/** The Fastify server before any feature: validation that refuses, sign-in on every route, errors as problem+json, OpenAPI. */
import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import { AppError } from '@holdfast/contracts/errors';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import type { ApiDeps } from '../deps.ts';
import { registerAuthHook } from './auth-hook.ts';
import { registerOpenApi } from './open-api.ts';
import { limitBodyTime } from './limit-body-time.ts';
import { problemOf, registerProblems } from './problems.ts';
import { buildValidator } from './validator.ts';

const bodyLimitBytes = 1024 * 1024;

export async function createServer(deps: ApiDeps): Promise<FastifyInstance> {
  const logger: FastifyBaseLogger = deps.logger;
  const server: FastifyInstance = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    // `limitBodyTime` does it, apart from files.
    requestTimeout: 0,
    genReqId: () => randomUUID(),
    // Unknown fields are refused, not dropped.
    ajv: { customOptions: { removeAdditional: false, allErrors: true } },
    schemaController: { compilersFactory: { buildValidator } },
  });
  registerProblems(server);
  await server.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        upgradeInsecureRequests: null,
      },
    },
  });
  await server.register(cookie);
  await server.register(rateLimit, {
    max: 600,
    timeWindow: '1 minute',
    // Redis may be away; counting then happens in each process alone.
    skipOnError: true,
    redis: deps.redis,
    nameSpace: `${deps.keys.prefix}:rate:`,
    errorResponseBuilder: (_request, context) =>
      new AppError('RATE_LIMITED', `More than ${context.max} requests in ${context.after}.`),
  });
  limitBodyTime(server);
  registerAuthHook(server, deps);
  await registerOpenApi(server);
  server.setNotFoundHandler({ preHandler: server.rateLimit() }, async (request, reply) => {
    const error = new AppError('NOT_FOUND', `There is no ${request.method} ${request.url.split('?')[0]}.`);
    return await reply.code(404).type('application/problem+json').send(problemOf(error, request.id));
  });
  return server;
}
