/** When a failed attempt is tried again. Pure. */

/** Doubling stops here; a longer delay that was configured stays as it is. */
const maxDelayMs = 15 * 60_000;

export interface RetryPolicy {
  readonly maxRetries: number;
  readonly retryDelaySeconds: number;
}

/** What is owed is tried until it is done; everything else as often as the settings allow. */
export function hasRetryLeft(
  { isOwed }: { readonly isOwed: boolean },
  retryCount: number,
  maxRetries: number,
): boolean {
  return isOwed || retryCount < maxRetries;
}

/** Doubles with each retry, between half and all of it, so that operations that failed together do not return together. */
export function retryDelayMs(policy: RetryPolicy, retryCount: number, random: number): number {
  const firstMs = policy.retryDelaySeconds * 1000;
  const fullMs = Math.max(firstMs, Math.min(maxDelayMs, firstMs * 2 ** Math.min(retryCount, 30)));
  return Math.round(fullMs * (0.5 + random / 2));
}
