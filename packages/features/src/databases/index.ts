/** Door of the databases feature. */
export { DatabaseEntity, type DatabaseRow } from './database.entity.ts';
export { databaseAddress, findDatabase, registerTarget } from './database-registry.ts';
