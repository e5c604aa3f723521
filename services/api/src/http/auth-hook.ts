/** Enforces the permission that every route states; start-up fails on a route that states none. */
import { AppError } from '@holdfast/contracts/errors';
import { permissions } from '@holdfast/contracts/permissions';
import { authenticate, can, type Identity } from '@holdfast/features/auth/index';
import { readSettings } from '@holdfast/features/settings/index';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiDeps } from '../deps.ts';
import { docsPath } from './open-api.ts';
import { sessionCookie } from './session-cookie.ts';

const changingMethods = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

export function registerAuthHook(server: FastifyInstance, deps: Pick<ApiDeps, 'source' | 'secrets'>): void {
  server.decorateRequest('identity', null);
  server.addHook('onRoute', (route) => {
    if (route.url.startsWith(docsPath)) {
      // Routes of the documentation page are made by its plugin, which knows no permissions.
      route.config = { ...route.config, permission: 'api.describe' };
    }
    if (route.config?.permission === undefined) {
      throw new Error(`${String(route.method)} ${route.url} states no permission`);
    }
  });
  server.addHook('onRequest', async (request) => {
    const permission = request.routeOptions.config.permission;
    if (permission === undefined || permissions[permission] === 'anyone') {
      return; // Unknown addresses have no permission: they are answered 404.
    }
    request.identity = await identify(request, deps);
    if (!can(request.identity.role, permission, await readSettings(deps.source))) {
      throw new AppError('FORBIDDEN', `The role "${request.identity.role}" does not include ${permission}.`);
    }
  });
}

/** A bearer token, or the session cookie of a page of our own. */
async function identify(
  request: FastifyRequest,
  deps: Pick<ApiDeps, 'source' | 'secrets'>,
): Promise<Identity> {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const token = /^Bearer ([\w.~+/-]+=*)$/.exec(authorization)?.[1];
    if (token === undefined) {
      throw new AppError('UNAUTHENTICATED', 'The Authorization header is not of the form "Bearer <token>".');
    }
    return await authenticate(deps, token);
  }
  const cookie = request.cookies[sessionCookie];
  if (cookie === undefined) {
    throw new AppError('UNAUTHENTICATED', 'The request carries no token.');
  }
  refuseForeignOrigin(request);
  return await authenticate(deps, cookie);
}

/** The cookie goes with every request a browser sends here, so a change must come from a page of this very origin. */
function refuseForeignOrigin(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  const isOwn = origin !== undefined && URL.canParse(origin) && new URL(origin).host === host;
  if (changingMethods.has(request.method) && !isOwn) {
    throw new AppError(
      'FORBIDDEN',
      'A request with the session cookie has to come from a page of this address.',
    );
  }
}
