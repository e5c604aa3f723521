/** Whether an identity may do something: the one reading of the permission table. Pure. */
import { permissions, type Permission, type Role, roles } from '@holdfast/contracts/permissions';

export interface AllowedRoles {
  readonly allowedBackupRoles: readonly string[];
  readonly allowedRestoreRoles: readonly string[];
}

export function can(role: Role | null, permission: Permission, settings: AllowedRoles): boolean {
  const rule = permissions[permission];
  if (rule === 'anyone') {
    return true;
  }
  if (role === null) {
    return false;
  }
  const isAtLeast = (least: Role): boolean => roles.indexOf(role) >= roles.indexOf(least);
  switch (rule) {
    case 'signed-in':
      return true;
    case 'settings:allowed_backup_roles':
      return role === 'super-admin' || settings.allowedBackupRoles.includes(role);
    case 'mod or settings:allowed_backup_roles':
      return isAtLeast('mod') || settings.allowedBackupRoles.includes(role);
    case 'settings:allowed_restore_roles':
      return role === 'super-admin' || settings.allowedRestoreRoles.includes(role);
    case 'admin or settings:allowed_restore_roles':
      return isAtLeast('admin') || settings.allowedRestoreRoles.includes(role);
    default:
      return isAtLeast(rule);
  }
}
