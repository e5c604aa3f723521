/** When a failed attempt is tried again. Pure. */

/** Doubling stops here; a longer delay that was configured stays as it is. */
const maxDelayMs = 15 * 60_000;

export interface RetryPolicy {
  readonly maxRetries: number;
  readonly retryDelaySeconds: number;
}

/** Doubles with each retry, between half and all of it, so that operations that failed together do not return together. */
export function retryDelayMs(policy: RetryPolicy, retryCount: number, random: number): number {
  const firstMs = policy.retryDelaySeconds * 1000;
  const fullMs = Math.max(firstMs, Math.min(maxDelayMs, firstMs * 2 ** retryCount));
  return Math.round(fullMs * (0.5 + random / 2));
}
