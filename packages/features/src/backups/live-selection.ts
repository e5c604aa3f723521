/** A selection as a request states it, resolved against the live database. */
import type { CreateBackup } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import type { Logger } from '@holdfast/platform/logger';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { withDatabase, type DatabaseSession } from '@holdfast/platform/pgtools/database-session';
import type { RequestedSelection } from '@holdfast/platform/pgtools/match-selection';
import { resolveSelection } from '@holdfast/platform/pgtools/resolve-selection';
import type { DataSource } from 'typeorm';
import { databaseAddress, findDatabase } from '../databases/index.ts';

/** A request is answered while somebody waits for it: whatever takes longer is left to the worker. */
const answerWithinMs = 2_000;

export interface LiveSelectionDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
  readonly logger: Logger;
}

export function requestedSelection(input: CreateBackup) {
  return {
    includedTables: input.includedTables ?? [],
    includedSchemas: selectedSchemas(input),
    excludedTables: input.excludedTables ?? [],
    excludedTableData: input.excludedTableData ?? [],
    selectionPatterns: input.selectionPatterns ?? false,
  } satisfies RequestedSelection;
}

/** A selection without schemas looks where the specification's default does. */
function selectedSchemas({ includedSchemas = [], backupType }: CreateBackup): string[] {
  return includedSchemas.length === 0 && backupType === 'selective' ? ['public'] : includedSchemas;
}

/**
 * Names that the database does not know are refused while the caller waits; where the database does not answer in time, the
 * worker finds them, in the dump's own snapshot, as it does in any case.
 * @throws AppError VALIDATION_FAILED, INVALID_CONFIG
 */
export async function checkLiveSelection(deps: LiveSelectionDeps, input: CreateBackup): Promise<void> {
  const requested = requestedSelection(input);
  const names = [
    ...requested.includedTables,
    ...requested.includedSchemas,
    ...requested.excludedTables,
    ...requested.excludedTableData,
  ];
  if (names.length === 0) {
    return;
  }
  try {
    await withLiveDatabase(deps, { databaseId: input.databaseId, answerWithinMs }, (session) =>
      resolveSelection(session, requested),
    );
  } catch (error) {
    if (error instanceof AppError && error.code === 'INVALID_CONFIG') {
      throw asValidation(error);
    }
    deps.logger.info({ error }, 'the selection could not be checked yet; the worker does it');
  }
}

/** Faulty fields of a request, where the worker would call them a faulty configuration; other errors stay as they are. */
export function asValidation(error: unknown): unknown {
  return error instanceof AppError && error.code === 'INVALID_CONFIG' && error.fields.length > 0
    ? new AppError('VALIDATION_FAILED', error.message, {
        fields: error.fields,
        remediation: error.remediation,
        cause: error,
      })
    : error;
}

interface LiveDatabase {
  readonly databaseId: number | undefined;
  readonly answerWithinMs: number;
}

/** @throws AppError as connecting and the work do; TIMEOUT where the server is too slow for a request */
export async function withLiveDatabase<T>(
  { source, secrets }: LiveSelectionDeps,
  { databaseId, answerWithinMs: withinMs }: LiveDatabase,
  work: (session: DatabaseSession) => Promise<T>,
): Promise<T> {
  const address = databaseAddress(await findDatabase(source.manager, databaseId), secrets);
  const connect = {
    applicationName: `holdfast-${secrets.installation}/request`,
    connectTimeoutMs: withinMs,
  };
  return await withDatabase(address, connect, async (session) => {
    await session.query(`SET statement_timeout = ${withinMs}; SET lock_timeout = ${withinMs}`);
    return await work(session);
  });
}
