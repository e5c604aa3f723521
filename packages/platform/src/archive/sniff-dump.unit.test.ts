import { describe, expect, it } from '@jest/globals';
import { sniffDump } from './sniff-dump.ts';

describe('sniffDump', () => {
  it('knows a script of pg_dump and what its head says', () => {
    const head = `--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 15.18 (Debian)\n-- Dumped by pg_dump version 16.2\n`;
    expect(sniffDump(Buffer.from(head))).toEqual({
      format: 'plain',
      innerCompression: 'none',
      header: { databaseName: '', serverVersion: '15.18 (Debian)', dumpVersion: '16.2' },
    });
  });

  it('says something of any bytes, and never throws', () => {
    for (let seed = 1; seed < 2_000; seed += 1) {
      const bytes = Buffer.from(
        Array.from({ length: seed % 700 }, (_, at) => (seed * 31 + at * at * 7) & 0xff),
      );
      for (const start of ['', 'PGDMP', 'PGDMP\x01\x0e\0\x04\x08\x01']) {
        expect(typeof sniffDump(Buffer.concat([Buffer.from(start, 'latin1'), bytes]))).toMatch(
          /string|object/,
        );
      }
    }
  });
});
