/** All migrations in order, by name rather than by glob. */
import { CreateCatalogue1764000000000 } from './1764000000000-create-catalogue.ts';
import { AddBackupJobs1764100000100 } from './1764100000100-add-backup-jobs.ts';
import { StorageTargets1764100000200 } from './1764100000200-storage-targets.ts';
import { RegistryAndStatistics1764100000300 } from './1764100000300-registry-and-statistics.ts';
import { ProveAndDeliver1764100000400 } from './1764100000400-prove-and-deliver.ts';
import { SelectionGlobalsPoliteness1764100000500 } from './1764100000500-selection-globals-politeness.ts';
import { RebuildAndImport1764100000600 } from './1764100000600-rebuild-and-import.ts';
import { BackupCopies1764100000700 } from './1764100000700-backup-copies.ts';
import { AnomaliesAndKeyChecks1764100000800 } from './1764100000800-anomalies-and-key-checks.ts';
import { Restores1764100000900 } from './1764100000900-restores.ts';

export const migrations = [
  CreateCatalogue1764000000000,
  AddBackupJobs1764100000100,
  StorageTargets1764100000200,
  RegistryAndStatistics1764100000300,
  ProveAndDeliver1764100000400,
  SelectionGlobalsPoliteness1764100000500,
  RebuildAndImport1764100000600,
  BackupCopies1764100000700,
  AnomaliesAndKeyChecks1764100000800,
  Restores1764100000900,
];
