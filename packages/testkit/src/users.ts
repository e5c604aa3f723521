/** People of other roles than the first super-admin, for tests of who may do what. */
import type { Role } from '@holdfast/contracts/permissions';
import { TestClient } from './test-client.ts';
import type { TestStack } from './test-stack.ts';

/** Makes the user where there is none yet; all have the first admin's password. */
export async function signInAs(stack: TestStack, { url }: TestClient, role: Role): Promise<TestClient> {
  await stack.metadata.query(
    `INSERT INTO users (email, username, role, password_hash)
     SELECT $1 || '@example.org', $1 || '-user', $1, password_hash FROM users WHERE email = 'admin@localhost' ON CONFLICT DO NOTHING`,
    [role],
  );
  return await TestClient.signIn(url, `${role}@example.org`, 'correct horse battery');
}
