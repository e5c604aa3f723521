/** Turns a session token into who is behind it now: an ended session or a changed role counts at once. */
import { AppError } from '@holdfast/contracts/errors';
import type { Role } from '@holdfast/contracts/permissions';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { DataSource } from 'typeorm';
import type { Identity } from './identity.ts';
import { verifySessionToken } from './session-token.ts';

export interface AuthDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
}

/** @throws AppError UNAUTHENTICATED */
export async function authenticate({ source, secrets }: AuthDeps, token: string): Promise<Identity> {
  const { userId, sessionId } = await verifySessionToken(secrets, token);
  const [row] = (await source.query(
    `SELECT username, email, role FROM user_sessions JOIN users USING (user_id)
     WHERE session_id = $1 AND user_id = $2 AND is_active AND ended_at IS NULL AND expires_at > clock_timestamp()`,
    [sessionId, userId],
  )) as { username: string; email: string; role: Role }[];
  if (row === undefined) {
    throw new AppError('UNAUTHENTICATED', 'The session has ended.');
  }
  return { ...row, userId, sessionId };
}
