import { describe, expect, it } from '@jest/globals';
import { refuseUnsupported } from './refuse-unsupported.ts';

const asked = {
  plan: {
    strategy: 'swap' as const,
    steps: [],
    target: { databaseId: 1, database: 'forum', exists: true },
    tables: null,
    jobs: 1,
    allowUnpatchedClient: false,
  },
  restoreType: 'full' as const,
  includeIndexes: true,
  includeConstraints: true,
  includeTriggers: true,
};

describe('what a worker turns down', () => {
  it('is not a whole backup by swap or into a new database', () => {
    refuseUnsupported(asked);
    refuseUnsupported({ ...asked, plan: { ...asked.plan, strategy: 'new_database' } });
  });

  it.each([
    ['in place', { plan: { ...asked.plan, strategy: 'in_place' as const } }],
    ['of chosen tables', { plan: { ...asked.plan, tables: [{ schema: 'public', name: 'users' }] } }],
    ['by several connections', { plan: { ...asked.plan, jobs: 2 } }],
    ['of the schema alone', { restoreType: 'schema_only' as const }],
    ['without indexes', { includeIndexes: false }],
    ['without constraints', { includeConstraints: false }],
    ['without triggers', { includeTriggers: false }],
  ])('is a restore %s, rather than something else done instead', (_what, change) => {
    expect(() => refuseUnsupported({ ...asked, ...change })).toThrow('nothing was touched');
  });
});
