/** When a backup expires: as asked for, else by default_retention_days of the settings. Pure. */
import { AppError } from '@holdfast/contracts/errors';

const dayMs = 86_400_000;

/** @throws AppError VALIDATION_FAILED for a time that is past: whoever wants a backup gone deletes it */
export function checkExpiry(asked: string | null, now: Date): Date | null {
  const expiresAt = asked === null ? null : new Date(asked);
  if (expiresAt !== null && expiresAt <= now) {
    throw new AppError('VALIDATION_FAILED', 'expiresAt lies in the past.', {
      fields: [{ path: '/expiresAt', message: 'lies in the past' }],
    });
  }
  return expiresAt;
}

/** `undefined`: nothing was asked for; null: never. Zero days of retention mean never, too. */
export function chooseExpiry(
  asked: string | null | undefined,
  retentionDays: number,
  now: Date,
): Date | null {
  if (asked !== undefined) {
    return checkExpiry(asked, now);
  }
  return retentionDays === 0 ? null : new Date(now.getTime() + retentionDays * dayMs);
}
