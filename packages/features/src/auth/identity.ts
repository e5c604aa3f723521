/** Who sends a request, and what a route states about itself; declared on Fastify's own types. */
import type { Permission, Role } from '@holdfast/contracts/permissions';
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../audit/index.ts';

export interface Identity {
  readonly userId: string;
  readonly username: string;
  readonly email: string;
  readonly role: Role;
  readonly sessionId: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Required on every route: start-up fails without it. */
    permission?: Permission;
    /** The body is a file: as large as it is, for as long as it takes. */
    receivesFile?: boolean;
  }
  interface FastifyRequest {
    /** Null on routes that anyone may use. */
    identity: Identity | null;
  }
}

/** The actor for the audit trail. Only behind a permission other than `anyone`. */
export function actorOf(request: FastifyRequest): Actor {
  const { identity, ip, id } = request;
  return {
    userId: identity?.userId ?? null,
    name: identity?.username ?? 'anonymous',
    address: ip,
    requestId: id,
  };
}

/** @throws Error when the route's permission let somebody in without signing in: a mistake of the program. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === null) {
    throw new Error('a route that needs an identity is open to anyone');
  }
  return request.identity;
}
