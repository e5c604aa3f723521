import { describe, expect, it } from '@jest/globals';
import { permissions, type Permission, roles } from '@holdfast/contracts/permissions';
import { can } from './can.ts';

const settings = { allowedBackupRoles: ['admin', 'mod'], allowedRestoreRoles: ['admin'] };

describe('can', () => {
  it('reads the table as it is written', () => {
    const allowed = Object.fromEntries(
      (Object.keys(permissions) as Permission[]).map((permission) => [
        permission,
        [null, ...roles].filter((role) => can(role, permission, settings)),
      ]),
    );
    const everyone = [null, 'user', 'mod', 'admin', 'super-admin'];
    expect(allowed).toEqual({
      'health.read-open': everyone,
      'auth.login': everyone,
      'api.describe': everyone,
      'auth.self': ['user', 'mod', 'admin', 'super-admin'],
      'backups.read': ['mod', 'admin', 'super-admin'],
      'backups.create': ['mod', 'admin', 'super-admin'],
      'backups.estimate': ['mod', 'admin', 'super-admin'],
      'backups.cancel': ['mod', 'admin', 'super-admin'],
      'backups.update': ['admin', 'super-admin'],
      'backups.delete': ['admin', 'super-admin'],
      'backups.verify': ['admin', 'super-admin'],
      'backups.accept-anomalies': ['admin', 'super-admin'],
      'keys.read': ['admin', 'super-admin'],
      'keys.check': ['admin', 'super-admin'],
      'backups.download': ['admin', 'super-admin'],
      'backups.import': ['admin', 'super-admin'],
      'backups.recovery-kit': ['admin', 'super-admin'],
      'catalog.rebuild': ['super-admin'],
      'backups.copy': ['admin', 'super-admin'],
      'retention.preview': ['mod', 'admin', 'super-admin'],
      'retention.clean-up': ['admin', 'super-admin'],
      'downloads.follow-link': everyone,
      'drills.create': ['admin', 'super-admin'],
      'drills.read': ['mod', 'admin', 'super-admin'],
      'restores.read': ['admin', 'super-admin'],
      'restores.create': ['admin', 'super-admin'],
      'restores.decide': ['admin', 'super-admin'],
      'restores.cancel': ['admin', 'super-admin'],
      'restores.rollback': ['admin', 'super-admin'],
      'databases.read': ['admin', 'super-admin'],
      'databases.write': ['super-admin'],
      'coverage.read': ['mod', 'admin', 'super-admin'],
      'settings.read': ['admin', 'super-admin'],
      'settings.write': ['super-admin'],
    });
  });

  it('follows the setting for creating backups, which never shuts a super-admin out', () => {
    expect(
      roles.filter((role) => can(role, 'backups.create', { ...settings, allowedBackupRoles: ['user'] })),
    ).toEqual(['user', 'super-admin']);
    expect(
      roles.filter((role) => can(role, 'backups.estimate', { ...settings, allowedBackupRoles: ['user'] })),
    ).toEqual(['user', 'mod', 'admin', 'super-admin']);
  });

  it('follows the setting for restores, which never shuts a super-admin out, and lets an admin undo what others may start', () => {
    const allowed = (permission: Permission) =>
      roles.filter((role) => can(role, permission, { ...settings, allowedRestoreRoles: ['mod'] }));
    expect(allowed('restores.create')).toEqual(['mod', 'super-admin']);
    expect(allowed('restores.decide')).toEqual(['mod', 'super-admin']);
    expect(allowed('restores.rollback')).toEqual(['mod', 'admin', 'super-admin']);
  });
});
