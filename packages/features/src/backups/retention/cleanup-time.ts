/** When cleaning up is due, by the settings. Pure. */
import type { SettingsRow } from '../../settings/index.ts';

export type CleanupTimes = Pick<SettingsRow, 'cleanupFrequency' | 'cleanupTime'>;

const dayMs = 24 * 3600 * 1000;

/** The newest time, UTC, at or before `now` at which it was to run: every day, or every Monday. */
export function lastCleanupTime({ cleanupFrequency, cleanupTime }: CleanupTimes, now: Date): Date {
  const [hours = 0, minutes = 0] = cleanupTime.split(':').map(Number);
  const time = new Date(now);
  time.setUTCHours(hours, minutes, 0, 0);
  if (cleanupFrequency === 'weekly') {
    const daysSinceMonday = (time.getUTCDay() + 6) % 7;
    time.setTime(time.getTime() - daysSinceMonday * dayMs);
  }
  return time <= now ? time : new Date(time.getTime() - periodMs(cleanupFrequency));
}

export function nextCleanupTime(times: CleanupTimes, now: Date): Date {
  return new Date(lastCleanupTime(times, now).getTime() + periodMs(times.cleanupFrequency));
}

function periodMs(frequency: string): number {
  return frequency === 'weekly' ? 7 * dayMs : dayMs;
}
