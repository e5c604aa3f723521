/** A TCP port of 127.0.0.1 that nobody listens on. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below the range from which the kernel takes ports for outgoing connections: a client that reconnects to a server of ours
 * while that is down could otherwise be given the server's own port.
 */
const lowestPort = 20_000;
const highestPort = 32_000;

/** `remembered` where it is still free, else another. */
export async function findFreePort(remembered?: number): Promise<number> {
  let port = remembered ?? randomInt(lowestPort, highestPort);
  while (!(await isPortFree(port))) {
    port = randomInt(lowestPort, highestPort);
  }
  return port;
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    // A client that waits for its server to come back may get through just now; holding it would keep this from closing.
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
