import { createServer } from 'node:net';
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
});
