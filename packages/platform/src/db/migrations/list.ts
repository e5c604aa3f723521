/** All migrations in order, by name rather than by glob. */
import { CreateCatalogue1764000000000 } from './1764000000000-create-catalogue.ts';
import { ProveAndDeliver1764100000400 } from './1764100000400-prove-and-deliver.ts';

export const migrations = [CreateCatalogue1764000000000, ProveAndDeliver1764100000400];
