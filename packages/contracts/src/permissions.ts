/** What may be done, and by which role at least. Routes, sockets and the panel are all made from this one table. */

export const roles = ['user', 'mod', 'admin', 'super-admin'] as const;
export type Role = (typeof roles)[number];

/** `settings:…` means: the roles that this column of backup_settings lists (super-admin always). */
type Rule =
  | 'anyone'
  | 'signed-in'
  | Role
  | 'settings:allowed_backup_roles'
  | 'mod or settings:allowed_backup_roles'
  | 'settings:allowed_restore_roles'
  | 'admin or settings:allowed_restore_roles';

export const permissions = {
  'health.read-open': 'anyone',
  'auth.login': 'anyone',
  'api.describe': 'anyone',
  'auth.self': 'signed-in',
  'backups.read': 'mod',
  'backups.create': 'settings:allowed_backup_roles',
  'backups.estimate': 'mod or settings:allowed_backup_roles',
  /** The creator of a backup may cancel it too: the command checks that. */
  'backups.cancel': 'settings:allowed_backup_roles',
  'backups.update': 'admin',
  'backups.delete': 'admin',
  'backups.verify': 'admin',
  'backups.accept-anomalies': 'admin',
  'keys.read': 'admin',
  'keys.check': 'admin',
  'backups.download': 'admin',
  'backups.import': 'admin',
  'backups.recovery-kit': 'admin',
  'catalog.rebuild': 'super-admin',
  'backups.copy': 'admin',
  'retention.preview': 'mod',
  'retention.clean-up': 'admin',
  /** The link itself is the right; whose it is must still have it. */
  'downloads.follow-link': 'anyone',
  'drills.create': 'admin',
  'drills.read': 'mod',
  'restores.read': 'settings:allowed_restore_roles',
  'restores.create': 'settings:allowed_restore_roles',
  /** Never of one's own: the command checks that, and the database does. */
  'restores.decide': 'settings:allowed_restore_roles',
  'restores.cancel': 'admin or settings:allowed_restore_roles',
  /** Who started it, or an admin: the command checks that. */
  'restores.rollback': 'admin or settings:allowed_restore_roles',
  'databases.read': 'admin',
  'databases.write': 'super-admin',
  'coverage.read': 'mod',
  'settings.read': 'admin',
  'settings.write': 'super-admin',
} as const satisfies Record<string, Rule>;

export type Permission = keyof typeof permissions;
