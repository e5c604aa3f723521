/** A body has to arrive within a minute, except where a route receives files: those take as long as they take, and watch for silence. */
import type { FastifyInstance } from 'fastify';

const bodyWithinMs = 60_000;

/** Node's own limit holds for every request of a server alike. */
export function limitBodyTime(server: FastifyInstance): void {
  server.addHook('onRequest', async ({ raw, headers, routeOptions }) => {
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
    if (!hasBody || routeOptions.config.receivesFile === true) {
      return;
    }
    const timer = setTimeout(() => raw.destroy(), bodyWithinMs);
    const stop = (): void => clearTimeout(timer);
    raw.once('end', stop).once('close', stop);
  });
}
