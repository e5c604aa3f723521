/** All migrations in order, by name rather than by glob. */
import { CreateCatalogue1764000000000 } from './1764000000000-create-catalogue.ts';
import { AddBackupJobs1764100000100 } from './1764100000100-add-backup-jobs.ts';

export const migrations = [CreateCatalogue1764000000000, AddBackupJobs1764100000100];
