/** Query: connect to a registered database as an operation would, and say what it could and could not do there. */
import type { DatabaseTest } from '@holdfast/contracts/databases';
import { AppError } from '@holdfast/contracts/errors';
import { lookWithin } from '@holdfast/platform/pgtools/bounded-session';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import {
  isFilteredByRowSecurity,
  isUnreadable,
  type Relation,
  readRelations,
} from '@holdfast/platform/pgtools/relations';
import { readServerFacts, type ServerFacts } from '@holdfast/platform/pgtools/role-rights';
import { databaseAddress } from './database-registry.ts';
import { findEntry } from './find-entry.ts';
import { hiddenRowsError, unreadableTablesError } from './hidden-tables.ts';
import { type LookDeps, lookOptions } from './look-options.ts';
import { refuseOwnDatabase } from './own-database.ts';

export interface TestDatabaseDeps extends LookDeps {
  readonly findClients: () => Promise<ClientPrograms[]>;
}

const mostExamples = 10;

/** @throws AppError what keeps it from connecting at all: CONNECTION_FAILED, TIMEOUT, INVALID_CONFIG; NOT_FOUND */
export async function testDatabase(deps: TestDatabaseDeps, id: number): Promise<DatabaseTest> {
  const row = await findEntry(deps.source.manager, id);
  const clients = await deps.findClients();
  return await lookWithin(databaseAddress(row, deps.secrets), await lookOptions(deps), async (session) => {
    await refuseOwnDatabase(deps.source, session);
    const facts = await readServerFacts(session);
    return judge(facts, await readRelations(session), clients);
  });
}

function judge(
  facts: ServerFacts,
  relations: readonly Relation[],
  clients: readonly ClientPrograms[],
): DatabaseTest {
  const unreadable = relations.filter(isUnreadable);
  const filtered = relations.filter(isFilteredByRowSecurity);
  const { client, mismatch } = findClient(clients, facts.serverVersion);
  const blocking = [
    ...(mismatch === null ? [] : [mismatch]),
    ...(unreadable.length === 0 ? [] : [unreadableTablesError(facts.role.name, unreadable)]),
    ...(filtered.length === 0 ? [] : [hiddenRowsError(facts.role.name, filtered)]),
  ];
  return {
    ...facts,
    isUsable: blocking.length === 0,
    role: { ...facts.role, canReadEveryTable: unreadable.length === 0 },
    unreadableTables: count(unreadable),
    filteredTables: count(filtered),
    client,
    problems: [...blocking, ...limitations(facts)].map(({ code, message, remediation }) => ({
      code,
      detail: message,
      remediation,
    })),
  };
}

function findClient(clients: readonly ClientPrograms[], serverVersion: string) {
  try {
    return { client: { version: chooseClient(clients, serverVersion).version }, mismatch: null };
  } catch (error) {
    if (error instanceof AppError) {
      return { client: null, mismatch: error };
    }
    throw error;
  }
}

/** What does not keep a backup from being taken, but a restore or a drill from being made here. */
function limitations({ role, isInRecovery, isReadOnly }: ServerFacts): AppError[] {
  const found: AppError[] = [];
  if (isInRecovery) {
    found.push(
      new AppError(
        'INVALID_CONFIG',
        'The server is in recovery: it can be backed up, but not restored into.',
        {
          remediation: 'Register the primary server, too, for restores and drills.',
        },
      ),
    );
  } else if (isReadOnly) {
    found.push(
      new AppError('INVALID_CONFIG', 'Transactions are read-only by default here, so a restore would fail.', {
        remediation: `Set default_transaction_read_only to off for role "${role.name}" or the database.`,
      }),
    );
  }
  if (!role.canCreateDatabases && !isInRecovery) {
    found.push(
      new AppError('PERMISSION_DENIED', `Role "${role.name}" may not create databases.`, {
        remediation: `Drills and restores that swap need it: ALTER ROLE "${role.name}" CREATEDB.`,
      }),
    );
  }
  return found;
}

function count(relations: readonly Relation[]): { count: number; examples: string[] } {
  return {
    count: relations.length,
    examples: relations.slice(0, mostExamples).map(({ schema, name }) => `${schema}.${name}`),
  };
}
