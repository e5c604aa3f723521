/** A client of a database that reads and writes all the time and connects again at once: how long does it have to do without? */
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

const everyMs = 5;

export class DatabaseUser {
  readonly #url: string;
  #client: Client | null = null;
  #isWanted = true;
  #longestMs = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(url: string) {
    this.#url = url;
  }

  /** Resolves when it has succeeded once. */
  async start(): Promise<void> {
    await this.#readAndWrite();
    this.#work = this.#goOn();
  }

  /** @returns the longest time between two successes, in milliseconds */
  async stop(): Promise<number> {
    this.#isWanted = false;
    await this.#work;
    await this.#client?.end().catch(() => undefined);
    return this.#longestMs;
  }

  async #goOn(): Promise<void> {
    let lastMs = performance.now();
    let hasSucceeded = true;
    // The gap that is open when it is told to stop counts too: it ends with a success.
    while (this.#isWanted || !hasSucceeded) {
      await delay(everyMs);
      try {
        await this.#readAndWrite();
        const nowMs = performance.now();
        this.#longestMs = Math.max(this.#longestMs, nowMs - lastMs);
        lastMs = nowMs;
        hasSucceeded = true;
      } catch {
        // Refused, ended, or the table is just not there: it tries again.
        hasSucceeded = false;
      }
    }
  }

  async #readAndWrite(): Promise<void> {
    if (this.#client === null) {
      const client = new Client({ connectionString: this.#url });
      client.on('error', () => {
        this.#client = null;
      });
      await client.connect();
      this.#client = client;
    }
    try {
      await this.#client.query('SELECT username FROM public.users WHERE id = 1');
      await this.#client.query('UPDATE public.categories SET name = name WHERE id = 1');
    } catch (error) {
      const client = this.#client;
      this.#client = null;
      await client?.end().catch(() => undefined);
      throw error;
    }
  }
}
