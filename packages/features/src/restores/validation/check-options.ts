/** Contradictions of a restore's options that can be seen without looking at any server. Pure. */
import type { BackupFormat } from '@holdfast/contracts/backups';
import { AppError, type FieldError } from '@holdfast/contracts/errors';
import type { RestoreOptions } from '@holdfast/contracts/restores';

/** @throws AppError VALIDATION_FAILED with every contradiction */
export function checkOptions(options: RestoreOptions): void {
  throwFaults([...selectionFaults(options), ...strategyFaults(options), ...safetyFaults(options)]);
}

/** What a backup of this format can't do. @throws AppError VALIDATION_FAILED */
export function checkFormat(options: RestoreOptions, format: BackupFormat): void {
  const fields: FieldError[] = [];
  if (format === 'plain') {
    if ((options.restoreType ?? 'full') !== 'full') {
      fields.push({
        path: '/restoreType',
        message: 'a plain backup is a script and can only be restored whole',
      });
    }
    for (const part of ['includeIndexes', 'includeConstraints', 'includeTriggers'] as const) {
      if (options[part] === false) {
        fields.push({
          path: `/${part}`,
          message: 'a plain backup is a script: nothing of it can be left out',
        });
      }
    }
  }
  throwFaults(fields);
}

function throwFaults(fields: readonly FieldError[]): void {
  if (fields.length > 0) {
    throw new AppError('VALIDATION_FAILED', fields.map((field) => field.message).join('; '), { fields });
  }
}

function selectionFaults({
  restoreType = 'full',
  includedTables = [],
  excludedTables = [],
}: RestoreOptions): FieldError[] {
  const isSelected = includedTables.length + excludedTables.length > 0;
  if (restoreType === 'selective' && !isSelected) {
    return [
      { path: '/includedTables', message: 'a selective restore needs tables to include or to leave out' },
    ];
  }
  if (restoreType !== 'selective' && isSelected) {
    return [{ path: '/restoreType', message: 'tables are chosen only by a "selective" restore' }];
  }
  return includedTables
    .filter((name) => excludedTables.includes(name))
    .map((name) => ({ path: '/excludedTables', message: `"${name}" is both included and excluded` }));
}

function strategyFaults(options: RestoreOptions): FieldError[] {
  const { strategy, restoreType = 'full' } = options;
  const fields: FieldError[] = [];
  if (strategy === 'swap' && restoreType !== 'full') {
    fields.push({
      path: '/strategy',
      message: `a swap replaces the whole database, so it takes a full restore, not "${restoreType}"`,
    });
  }
  if (restoreType === 'data_only') {
    for (const part of ['includeIndexes', 'includeConstraints', 'includeTriggers'] as const) {
      if (options[part] === false) {
        fields.push({ path: `/${part}`, message: 'has no meaning where only rows are restored' });
      }
    }
  }
  return fields;
}

/** A new database replaces nothing, so there is nothing to save before. */
function safetyFaults({
  createPreBackup = true,
  preBackupWaiverReason,
  strategy,
}: RestoreOptions): FieldError[] {
  if (!createPreBackup && preBackupWaiverReason === undefined && strategy !== 'new_database') {
    return [
      {
        path: '/preBackupWaiverReason',
        message: 'say why no safety backup is to be taken; it goes on record',
      },
    ];
  }
  if (createPreBackup && preBackupWaiverReason !== undefined) {
    return [
      { path: '/preBackupWaiverReason', message: 'has a meaning only with createPreBackup set to false' },
    ];
  }
  return [];
}
