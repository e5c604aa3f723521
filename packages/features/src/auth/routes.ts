/** HTTP: sign in, sign out, who am I. */
import '@fastify/cookie'; // Its types: the server registers it.
import '@fastify/rate-limit';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Login, LoginAnswer, UserView } from '@holdfast/contracts/auth';
import { Type } from '@sinclair/typebox';
import { recordAudit } from '../audit/index.ts';
import { actorOf, identityOf } from './identity.ts';
import { type SignInDeps, signIn } from './sign-in.ts';
import { SessionEntity } from './user.entity.ts';

export interface AuthRoutesDeps extends SignInDeps {
  readonly cookieName: string;
  /** Set where the API is reached by https. */
  readonly isCookieSecure: boolean;
}

export const authRoutes: FastifyPluginAsyncTypebox<AuthRoutesDeps> = async (app, deps) => {
  const cookieOptions = {
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: deps.isCookieSecure,
  } as const;

  app.post(
    '/login',
    {
      config: { permission: 'auth.login', rateLimit: { max: 30, timeWindow: '1 minute' } },
      schema: { tags: ['auth'], summary: 'Sign in', body: Login, response: { 200: LoginAnswer } },
    },
    async (request, reply) => {
      const answer = await signIn(deps, {
        login: request.body,
        actor: actorOf(request),
        userAgent: request.headers['user-agent'] ?? null,
      });
      reply.setCookie(deps.cookieName, answer.token, {
        ...cookieOptions,
        expires: new Date(answer.expiresAt),
      });
      return answer;
    },
  );

  app.post(
    '/logout',
    {
      config: { permission: 'auth.self' },
      schema: { tags: ['auth'], summary: 'End this session', response: { 204: Type.Null() } },
    },
    async (request, reply) => {
      const { sessionId, userId } = identityOf(request);
      await deps.source.transaction(async (manager) => {
        await manager.update(SessionEntity, { sessionId }, { endedAt: () => 'clock_timestamp()' });
        await recordAudit(manager, actorOf(request), {
          action: 'auth.sign-out',
          subjectType: 'user',
          subjectId: userId,
          outcome: 'succeeded',
        });
      });
      return await reply.clearCookie(deps.cookieName, cookieOptions).code(204).send(null);
    },
  );

  app.get(
    '/me',
    {
      config: { permission: 'auth.self' },
      schema: { tags: ['auth'], summary: 'Who am I', response: { 200: UserView } },
    },
    async (request) => {
      const { userId, email, username, role } = identityOf(request);
      return { userId, email, username, role };
    },
  );
};
