/** All migrations in order, by name rather than by glob. */
import { CreateCatalogue1764000000000 } from './1764000000000-create-catalogue.ts';

export const migrations = [CreateCatalogue1764000000000];
