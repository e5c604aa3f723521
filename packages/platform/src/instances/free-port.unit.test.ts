import { connect, createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { findFreePort, isPortFree } from './free-port.ts';

describe('isPortFree', () => {
  it('tells a port that somebody listens on from one that is free', async () => {
    const port = await findFreePort();
    expect(await isPortFree(port)).toBe(true);
    const server = createServer().listen(port, '127.0.0.1');
    expect(await isPortFree(port)).toBe(false);
    expect(await findFreePort(port)).not.toBe(port);
    await new Promise((resolve) => server.close(resolve));
  });

  it('is not held up by clients that keep trying to reach the port', async () => {
    const port = await findFreePort();
    let isTrying = true;
    const sockets = new Set<ReturnType<typeof connect>>();
    const tryAgain = (): void => {
      const socket = connect(port, '127.0.0.1');
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        if (isTrying) {
          setImmediate(tryAgain);
        }
      });
    };
    for (let client = 0; client < 20; client += 1) {
      tryAgain();
    }
    for (let round = 0; round < 200; round += 1) {
      expect(await isPortFree(port)).toBe(true);
    }
    isTrying = false;
    for (const socket of sockets) {
      socket.destroy();
    }
  });
});
