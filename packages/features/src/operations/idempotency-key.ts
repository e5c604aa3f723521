/** One request, sent twice with the same key, is one operation. In the transaction that accepts it. */
import { createHash } from 'node:crypto';
import { AppError } from '@holdfast/contracts/errors';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';
import type { DataSource, EntityManager } from 'typeorm';
import type { Actor } from '../audit/index.ts';

export interface KeyedRequest {
  readonly actor: Actor;
  readonly key: string;
  readonly input: unknown;
}

/**
 * The answer that this key already got, or null after taking the key; a request that runs at the same time waits here.
 * @throws AppError IDEMPOTENCY_CONFLICT
 */
export async function claimKey<Answer extends object>(
  manager: EntityManager,
  { actor, key, input }: KeyedRequest,
): Promise<Answer | null> {
  const digest = createHash('sha256').update(canonicalJson(input)).digest('hex');
  await manager.query(
    `INSERT INTO idempotency_keys (user_id, key, request_digest, answer) VALUES ($1, $2, $3, '{}') ON CONFLICT DO NOTHING`,
    [actor.userId, key, digest],
  );
  const [row] = (await manager.query(
    'SELECT request_digest, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2 FOR UPDATE',
    [actor.userId, key],
  )) as { request_digest: string; answer: Partial<Answer> }[];
  if (row?.request_digest !== digest) {
    throw new AppError('IDEMPOTENCY_CONFLICT', 'This Idempotency-Key came with another request before.');
  }
  return Object.keys(row.answer).length === 0 ? null : (row.answer as Answer);
}

export async function keepAnswer(
  manager: EntityManager,
  { actor, key }: Pick<KeyedRequest, 'actor' | 'key'>,
  answer: object,
): Promise<void> {
  await manager.query('UPDATE idempotency_keys SET answer = $3 WHERE user_id = $1 AND key = $2', [
    actor.userId,
    key,
    answer,
  ]);
}

/** A request that was accepted already is answered as it was then, whatever has become of what it speaks of. */
export async function isKeyTaken(
  source: DataSource,
  { actor, key }: { readonly actor: Actor; readonly key: string | null },
): Promise<boolean> {
  const rows = (await source.query('SELECT 1 FROM idempotency_keys WHERE user_id = $1 AND key = $2', [
    actor.userId,
    key,
  ])) as unknown[];
  return rows.length > 0;
}
