/** Door of the auth feature. */
export { type AuthDeps, authenticate } from './authenticate.ts';
export { can } from './can.ts';
export { ensureFirstAdmin } from './first-admin.ts';
export { actorOf, type Identity, identityOf } from './identity.ts';
export { SessionEntity, UserEntity } from './user.entity.ts';
