import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadConfig } from './load-config.ts';

const enough = {
  METADATA_DATABASE_URL: 'postgresql://u@h/d',
  REDIS_URL: 'redis://h',
  HOLDFAST_SECRET_KEY: 'x'.repeat(32),
};

describe('loadConfig', () => {
  it('fills in what is not given', () => {
    expect(loadConfig(enough)).toMatchObject({
      HOLDFAST_HOST: '127.0.0.1',
      HOLDFAST_PORT: 4600,
      LOG_LEVEL: 'info',
      pgBinDirs: [],
      storage: path.resolve('.holdfast/backups'),
    });
  });

  it('makes a relative storage folder absolute and leaves a URL as it is', () => {
    const storageOf = (value: string): string => loadConfig({ ...enough, HOLDFAST_STORAGE: value }).storage;
    expect(storageOf('here/backups')).toBe(path.resolve('here/backups'));
    expect(storageOf('s3://bucket/prefix')).toBe('s3://bucket/prefix');
    expect(storageOf('file:///var/backups')).toBe('file:///var/backups');
  });

  it('reports every fault at once, by name and without a value', () => {
    const faulty = {
      ...enough,
      REDIS_URL: undefined,
      HOLDFAST_PORT: '70000',
      HOLDFAST_SECRET_KEY: 'hunter2',
      LOG_LEVEL: 'loud',
    };
    expect(() => loadConfig(faulty)).toThrow(/REDIS_URL is missing[\s\S]*|HOLDFAST_PORT/);
    try {
      loadConfig(faulty);
    } catch (error) {
      const { message } = error as Error;
      expect(
        ['REDIS_URL', 'HOLDFAST_PORT', 'HOLDFAST_SECRET_KEY', 'LOG_LEVEL'].filter(
          (name) => !message.includes(name),
        ),
      ).toEqual([]);
      expect(message).not.toContain('hunter2');
    }
  });

  it('reads a secret from a file, and refuses both at once', () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'config-')), 'key');
    writeFileSync(file, `${'k'.repeat(40)}\n`);
    const { HOLDFAST_SECRET_KEY: _key, ...rest } = enough;
    expect(loadConfig({ ...rest, HOLDFAST_SECRET_KEY_FILE: file }).HOLDFAST_SECRET_KEY).toBe('k'.repeat(40));
    expect(() => loadConfig({ ...enough, HOLDFAST_SECRET_KEY_FILE: file })).toThrow('both set');
    expect(() => loadConfig({ ...rest, HOLDFAST_SECRET_KEY_FILE: '/nowhere' })).toThrow('cannot be read');
  });
});
