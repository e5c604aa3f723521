/** All migrations in order, by name rather than by glob. */
import { CreateCatalogue1764000000000 } from './1764000000000-create-catalogue.ts';
import { SelectionGlobalsPoliteness1764100000500 } from './1764100000500-selection-globals-politeness.ts';

export const migrations = [CreateCatalogue1764000000000, SelectionGlobalsPoliteness1764100000500];
