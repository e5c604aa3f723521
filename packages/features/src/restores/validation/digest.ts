/** A digest of anything that is JSON: equal for equal values, whatever the order of their keys. Pure. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';

export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
