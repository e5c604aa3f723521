/** Door of the databases feature. */
export { adoptDatabase } from './adopt-database.ts';
export { DatabaseEntity, type DatabaseRow } from './database.entity.ts';
export { databaseAddress, findDatabase, holdDatabase } from './database-registry.ts';
export { hiddenRowsError, nameTables, unreadableTablesError } from './hidden-tables.ts';
export { type LookDeps, lookOptions } from './look-options.ts';
export { readOwnIdentity, refuseOwnDatabase } from './own-database.ts';
export { registerTarget } from './register-target.ts';
