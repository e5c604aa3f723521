/** Waits for a state that another process brings about; the test's own time limit ends the wait. */
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 20;

export async function until<T>(look: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) {
      return found;
    }
    await delay(pollMs);
  }
}
