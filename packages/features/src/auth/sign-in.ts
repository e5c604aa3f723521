/** Command: sign in with e-mail and password. Wrong ones cost the same time whether the user exists or not, and lock with growing delay. */
import type { Login, LoginAnswer } from '@holdfast/contracts/auth';
import { AppError } from '@holdfast/contracts/errors';
import type { Clock } from '@holdfast/platform/clock';
import { verify } from '@node-rs/argon2';
import { type Actor, recordAudit } from '../audit/index.ts';
import type { AuthDeps } from './authenticate.ts';
import { signSessionToken } from './session-token.ts';
import { SessionEntity, UserEntity, type UserRow } from './user.entity.ts';

/** Of a random password nobody has: so that an unknown e-mail takes as long as a wrong password. */
const decoyHash =
  '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$5AF1ZDXfFY4JWgEPmHF6bUwJOEvUr1KcVyvVRAPCzC8';
const freeAttempts = 5;
const firstLockSeconds = 30;
const longestLockSeconds = 3600;

export interface SignInDeps extends AuthDeps {
  readonly clock: Clock;
  readonly sessionMs: number;
}

export interface SignInRequest {
  readonly login: Login;
  readonly actor: Actor;
  readonly userAgent: string | null;
}

/** @throws AppError UNAUTHENTICATED, or RATE_LIMITED while the account is locked. */
export async function signIn(deps: SignInDeps, request: SignInRequest): Promise<LoginAnswer> {
  const { source, clock } = deps;
  const user = await source.manager
    .createQueryBuilder(UserEntity, 'user')
    .where('lower(user.email) = lower(:email)', { email: request.login.email })
    .getOne();
  const isRight = await verify(user?.passwordHash ?? decoyHash, request.login.password);
  if (user?.lockedUntil && user.lockedUntil > clock.now()) {
    throw new AppError('RATE_LIMITED', 'Too many wrong passwords; the account is locked for a while.');
  }
  if (user === null || !isRight || !user.isActive || user.passwordHash === null) {
    await recordRefusal(deps, request, user);
    throw new AppError('UNAUTHENTICATED', 'E-mail or password is wrong.');
  }
  return await openSession(deps, request, user);
}

async function openSession(
  { source, clock, secrets, sessionMs }: SignInDeps,
  { actor, userAgent }: SignInRequest,
  user: UserRow,
): Promise<LoginAnswer> {
  const { userId, email, username, role } = user;
  const expiresAt = new Date(clock.now().getTime() + sessionMs);
  const sessionId = await source.transaction(async (manager) => {
    await manager.update(
      UserEntity,
      { userId },
      { failedSignIns: 0, lockedUntil: null, lastSignInAt: clock.now() },
    );
    const inserted = await manager.insert(SessionEntity, {
      userId,
      expiresAt,
      address: actor.address,
      userAgent: userAgent?.slice(0, 500) ?? null,
    });
    await recordAudit(
      manager,
      { ...actor, userId, name: username },
      { action: 'auth.sign-in', subjectType: 'user', subjectId: userId, outcome: 'succeeded' },
    );
    return (inserted.identifiers[0] as { sessionId: string }).sessionId;
  });
  return {
    token: await signSessionToken(secrets, { userId, sessionId }, expiresAt),
    expiresAt: expiresAt.toISOString(),
    user: { userId, email, username, role },
  };
}

async function recordRefusal(
  { source, clock }: SignInDeps,
  { actor, login }: SignInRequest,
  user: UserRow | null,
): Promise<void> {
  await source.transaction(async (manager) => {
    if (user !== null) {
      const failures = user.failedSignIns + 1;
      const lockSeconds = Math.min(longestLockSeconds, firstLockSeconds * 2 ** (failures - freeAttempts));
      await manager.update(
        UserEntity,
        { userId: user.userId },
        {
          failedSignIns: failures,
          lockedUntil: failures < freeAttempts ? null : new Date(clock.now().getTime() + lockSeconds * 1000),
        },
      );
    }
    await recordAudit(
      manager,
      { ...actor, userId: user?.userId ?? null, name: login.email.slice(0, 320) },
      {
        action: 'auth.sign-in',
        subjectType: 'user',
        subjectId: user?.userId ?? null,
        outcome: 'refused',
      },
    );
  });
}
