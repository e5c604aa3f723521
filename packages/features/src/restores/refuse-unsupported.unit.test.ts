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
};

describe('what a worker turns down', () => {
  it('is not a whole backup, nor data alone in place', () => {
    refuseUnsupported(asked);
    refuseUnsupported({ ...asked, plan: { ...asked.plan, strategy: 'new_database' } });
    refuseUnsupported({ ...asked, restoreType: 'data_only', plan: { ...asked.plan, strategy: 'in_place' } });
  });

  it.each([
    ['of chosen tables', { plan: { ...asked.plan, tables: [{ schema: 'public', name: 'users' }] } }],
    ['by several connections', { plan: { ...asked.plan, jobs: 2 } }],
    ['of data alone by swap', { restoreType: 'data_only' as const }],
  ])('is a restore %s, rather than something else done instead', (_what, change) => {
    expect(() => refuseUnsupported({ ...asked, ...change })).toThrow('nothing was touched');
  });
});
