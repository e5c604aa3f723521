/** Session tokens: JWTs signed with a key of their own; what they say is checked against the session's row each time. */
import { AppError } from '@holdfast/contracts/errors';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { jwtVerify, SignJWT } from 'jose';

const issuer = 'holdfast';
const algorithm = 'HS256';

export interface SessionToken {
  readonly userId: string;
  readonly sessionId: string;
}

export async function signSessionToken(
  secrets: SecretBox,
  token: SessionToken,
  expiresAt: Date,
): Promise<string> {
  return await new SignJWT({ sid: token.sessionId })
    .setProtectedHeader({ alg: algorithm })
    .setSubject(token.userId)
    .setIssuer(issuer)
    .setAudience(issuer)
    .setIssuedAt()
    .setExpirationTime(expiresAt)
    .sign(secrets.deriveKey('session-token'));
}

/** @throws AppError UNAUTHENTICATED for anything but a token of ours that still holds. */
export async function verifySessionToken(secrets: SecretBox, text: string): Promise<SessionToken> {
  try {
    const { payload } = await jwtVerify(text, secrets.deriveKey('session-token'), {
      algorithms: [algorithm],
      issuer,
      audience: issuer,
    });
    const { sub, sid } = payload;
    if (typeof sub === 'string' && typeof sid === 'string') {
      return { userId: sub, sessionId: sid };
    }
    throw new Error('the token lacks its subject or session');
  } catch (error) {
    throw new AppError('UNAUTHENTICATED', 'The token is not valid or has expired.', { cause: error });
  }
}
