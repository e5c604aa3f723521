/** Contradictions of a request that need no database to be seen. Pure. */
import type { CreateBackup } from '@holdfast/contracts/backups';
import { AppError, type FieldError } from '@holdfast/contracts/errors';

/** @throws AppError VALIDATION_FAILED with every contradiction */
export function checkRequest(input: CreateBackup): void {
  const fields = [...selectionFaults(input), ...compressionFaults(input)];
  if (input.includeRolePasswords === true && input.includeGlobals !== true) {
    fields.push({ path: '/includeRolePasswords', message: 'needs includeGlobals, where the roles are' });
  }
  if (input.jobs !== undefined && input.backupFormat !== 'directory') {
    fields.push({ path: '/jobs', message: 'only the format "directory" is dumped by several jobs' });
  }
  if (input.minCopies !== undefined && input.copyPolicy !== 'at_least') {
    fields.push({ path: '/minCopies', message: 'has a meaning only with the copyPolicy "at_least"' });
  }
  if ((input.minCopies ?? 0) > (input.copies?.length ?? Number.POSITIVE_INFINITY)) {
    fields.push({ path: '/minCopies', message: 'more copies are required than asked for' });
  }
  if (fields.length > 0) {
    throw new AppError('VALIDATION_FAILED', fields.map((field) => field.message).join('; '), { fields });
  }
}

function selectionFaults(input: CreateBackup): FieldError[] {
  const { includedTables = [], excludedTables = [], includedSchemas = [], excludedTableData = [] } = input;
  const type = input.backupType ?? 'full';
  const fields: FieldError[] = [];
  if (type === 'full' && includedTables.length + excludedTables.length + includedSchemas.length > 0) {
    fields.push({
      path: '/backupType',
      message: 'a full backup takes everything; use "selective" for a selection',
    });
  }
  if (type === 'schema' && excludedTableData.length > 0) {
    fields.push({
      path: '/excludedTableData',
      message: 'a schema backup holds no rows that could be left out',
    });
  }
  for (const table of includedTables.filter((name) => excludedTables.includes(name))) {
    fields.push({ path: '/excludedTables', message: `"${table}" is both included and excluded` });
  }
  for (const table of excludedTableData.filter((name) => excludedTables.includes(name))) {
    fields.push({ path: '/excludedTableData', message: `"${table}" is excluded already` });
  }
  return fields;
}

function compressionFaults({ compressionType = 'gzip', compressionLevel }: CreateBackup): FieldError[] {
  const path = '/compressionLevel';
  if (compressionType === 'none' && compressionLevel !== undefined) {
    return [{ path, message: 'has no meaning without compression' }];
  }
  if (compressionType === 'gzip' && (compressionLevel ?? 1) > 9) {
    return [{ path, message: 'gzip has levels 1 to 9' }];
  }
  return [];
}
