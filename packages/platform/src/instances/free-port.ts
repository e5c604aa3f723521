/** A TCP port of 127.0.0.1 that nobody listens on. */
import { createServer } from 'node:net';

/** `remembered` where it is still free, else one that the kernel chooses. */
export async function findFreePort(remembered?: number): Promise<number> {
  return (remembered === undefined ? null : await tryPort(remembered)) ?? (await tryPort(0)) ?? 0;
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await tryPort(port)) !== null;
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : null));
    });
  });
}
