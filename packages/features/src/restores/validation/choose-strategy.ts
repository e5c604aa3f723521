/** Which strategies can carry out a restore, why the others can't, and which one does. Pure. */
import {
  type Finding,
  type RestoreOptions,
  type RestorePlan,
  type RestoreStrategy,
  restoreStrategies,
  type RestoreStep,
} from '@holdfast/contracts/restores';
import { quoteIdentifier } from '@holdfast/platform/pgtools/quote';
import { explainSwapBlocker } from '@holdfast/platform/pgtools/swap-blockers';
import { type BackupRow, isPartial } from '../../backups/index.ts';
import { nameTables } from '../../databases/index.ts';
import { finding } from './finding.ts';
import type { Target, TargetDatabase } from './look-at-target.ts';

export interface StrategyQuestion {
  readonly options: RestoreOptions;
  readonly backup: BackupRow;
  readonly targetName: string;
  readonly target: Target;
}

export interface StrategyChoice {
  /** Null where none is possible, or the one asked for is not. */
  readonly strategy: RestoreStrategy | null;
  readonly possible: readonly RestoreStrategy[];
  readonly impossible: readonly {
    readonly strategy: RestoreStrategy;
    readonly reasons: readonly Finding[];
  }[];
  /** Why there is no strategy. */
  readonly blockers: readonly Finding[];
}

export function chooseStrategy(question: StrategyQuestion): StrategyChoice {
  const judged = restoreStrategies.map((strategy) => ({
    strategy,
    reasons: reasonsAgainst[strategy](question),
  }));
  const possible = judged.filter(({ reasons }) => reasons.length === 0).map(({ strategy }) => strategy);
  const impossible = judged.filter(({ reasons }) => reasons.length > 0);
  const wanted = question.options.strategy;
  // Replacing by renaming first; then what leaves everything else as it is; in place last, since its readers wait.
  const strategy =
    wanted === undefined
      ? ((['swap', 'new_database', 'in_place'] as const).find((name) => possible.includes(name)) ?? null)
      : possible.includes(wanted)
        ? wanted
        : null;
  return {
    strategy,
    possible,
    impossible,
    blockers: strategy === null ? blockersOf(question, impossible) : [],
  };
}

/** Of the strategy asked for; else of the one that comes nearest to what the options mean. */
function blockersOf(
  { options, target }: StrategyQuestion,
  impossible: StrategyChoice['impossible'],
): readonly Finding[] {
  const isWhole = (options.restoreType ?? 'full') === 'full';
  const nearest = target.database === null ? 'new_database' : isWhole ? 'swap' : 'in_place';
  const strategy = options.strategy ?? nearest;
  return impossible.find((judged) => judged.strategy === strategy)?.reasons ?? [];
}

const reasonsAgainst: Readonly<Record<RestoreStrategy, (question: StrategyQuestion) => Finding[]>> = {
  swap: (question) => {
    const { options, backup, targetName, target } = question;
    if (target.database === null) {
      return [noSuchDatabase(targetName)];
    }
    const found: Finding[] = [];
    if ((options.restoreType ?? 'full') !== 'full') {
      found.push(
        finding(
          'INVALID_CONFIG',
          'A swap replaces the whole database, so only a full restore can be swapped in.',
          {
            remedy: 'Restore in place, or into a new database.',
          },
        ),
      );
    }
    if (isPartial(backup) || backup.backupType !== 'full') {
      found.push(
        finding(
          'INVALID_CONFIG',
          `Backup ${backup.id} holds only a part of its database; swapped in, everything else would be gone.`,
          { remedy: 'Restore it in place, or into a new database.' },
        ),
      );
    }
    return [...found, ...mayNotCreate(target), ...mayNotReplace(question, target.database)];
  },
  in_place: ({ options, backup, targetName, target: { server, database } }) => {
    if (database === null) {
      return [noSuchDatabase(targetName)];
    }
    const found: Finding[] = [];
    if (backup.backupFormat === 'plain') {
      found.push(
        finding('INVALID_CONFIG', 'A plain backup is a script that only an empty database can take.', {
          remedy: 'Restore it by a swap, or into a new database.',
        }),
      );
    }
    if (backup.backupFormat === 'directory') {
      found.push(
        finding(
          'INVALID_CONFIG',
          'A directory backup is restored by several sessions, which share no transaction.',
          { remedy: 'Restore it by a swap, or into a new database.' },
        ),
      );
    }
    const isRowsOnly = options.restoreType === 'data_only' || options.restoreType === 'selective';
    if (isRowsOnly && !server.canSilenceTriggers) {
      const { role } = server.facts;
      found.push(
        finding(
          'PERMISSION_DENIED',
          `Role "${role.name}" may not silence triggers, so rows alone cannot be exchanged.`,
          {
            remedy: `From PostgreSQL 15 on: GRANT SET ON PARAMETER session_replication_role TO ${quoteIdentifier(role.name)}; before, connect as a superuser, or restore into a new database.`,
          },
        ),
      );
    }
    if (database.foreignOwned.length > 0) {
      const { role } = server.facts;
      found.push(
        finding(
          'PERMISSION_DENIED',
          `Role "${role.name}" does not own ${nameTables(database.foreignOwned)} and so may not replace them.`,
          { remedy: `Connect as their owner, or GRANT the owning role TO ${quoteIdentifier(role.name)}.` },
        ),
      );
    }
    return found;
  },
  new_database: ({ options, targetName, target }) => {
    const found = mayNotCreate(target);
    if (target.database !== null) {
      found.push(
        finding('INVALID_CONFIG', `There is a database "${targetName}" already.`, {
          remedy: 'Name one that does not exist yet as targetDatabase.',
        }),
      );
    }
    if (options.restoreType === 'data_only') {
      found.push(
        finding('INVALID_CONFIG', 'A new database has no tables that rows could be restored into.', {
          remedy: 'Restore everything, or name a database that has the tables.',
        }),
      );
    }
    return found;
  },
};

function noSuchDatabase(name: string): Finding {
  return finding('INVALID_CONFIG', `There is no database "${name}" on the server.`, {
    remedy: 'Name one that exists, or restore into a new database.',
  });
}

function mayNotCreate({ server }: Target): Finding[] {
  const { role } = server.facts;
  return role.canCreateDatabases
    ? []
    : [
        finding('PERMISSION_DENIED', `Role "${role.name}" may not create databases.`, {
          remedy: `ALTER ROLE ${quoteIdentifier(role.name)} CREATEDB.`,
        }),
      ];
}

/** Its name is taken away from it, its sessions are ended, and what is tied to it from outside would be left behind. */
function mayNotReplace({ target, targetName }: StrategyQuestion, database: TargetDatabase): Finding[] {
  const { role } = target.server.facts;
  const found: Finding[] = [];
  if (!database.ownsDatabase) {
    found.push(
      finding('PERMISSION_DENIED', `Role "${role.name}" does not own the database "${targetName}".`, {
        remedy: `ALTER DATABASE ${quoteIdentifier(targetName)} OWNER TO ${quoteIdentifier(role.name)}, or connect as its owner.`,
      }),
    );
  }
  const others = database.sessions.filter(({ user }) => user !== role.name);
  if (!role.isSuperuser && others.length > 0 && !target.server.canEndSessions) {
    found.push(
      finding('PERMISSION_DENIED', `Role "${role.name}" may not end the sessions of others.`, {
        remedy: `GRANT pg_signal_backend TO ${quoteIdentifier(role.name)}, or end them yourself before.`,
      }),
    );
  }
  if (!role.isSuperuser && database.superuserSessions > 0) {
    found.push(
      finding(
        'PERMISSION_DENIED',
        `${database.superuserSessions} sessions of superusers are connected, which only a superuser may end.`,
        { remedy: 'End them before the restore.' },
      ),
    );
  }
  const tied = database.swapBlockers.map((blocker) => {
    const { detail, remediation } = explainSwapBlocker(blocker);
    return finding('IN_USE', detail, { remedy: remediation });
  });
  return [...found, ...tied];
}

export interface StepsQuestion {
  readonly strategy: RestoreStrategy;
  readonly needsApproval: boolean;
  readonly createsPreBackup: boolean;
  readonly targetName: string;
}

const verify: RestoreStep = {
  name: 'verify',
  description: 'Compare rows, digests, constraints, indexes and sequences with the manifest',
};

export function stepsOf(question: StepsQuestion): RestoreStep[] {
  const { strategy, targetName, createsPreBackup, needsApproval } = question;
  const where = {
    swap: 'a shadow database beside it',
    in_place: `"${targetName}", in one transaction`,
    new_database: `the new database "${targetName}"`,
  }[strategy];
  const end: Readonly<Record<RestoreStrategy, RestoreStep[]>> = {
    swap: [
      verify,
      { name: 'analyse', description: 'Gather the statistics that the planner needs' },
      { name: 'swap', description: `Give the shadow the name "${targetName}" and put the original aside` },
    ],
    in_place: [
      {
        name: 'commit',
        description:
          'Count rows, compare sequences and gather statistics inside the transaction, then commit: until here nothing has changed for anybody',
      },
    ],
    new_database: [verify, { name: 'analyse', description: 'Gather the statistics that the planner needs' }],
  };
  return [
    ...(needsApproval
      ? [{ name: 'approval', description: 'Another person approves' } satisfies RestoreStep]
      : []),
    ...(createsPreBackup
      ? [{ name: 'pre_backup', description: `Back "${targetName}" up as it is now` } satisfies RestoreStep]
      : []),
    { name: 'check', description: 'Read the stored file and compare its checksum' },
    { name: 'restore', description: `Restore into ${where}` },
    ...end[strategy],
  ];
}

/** A new database replaces nothing that could be saved before. */
export function createsPreBackup(
  { createPreBackup = true }: RestoreOptions,
  strategy: RestorePlan['strategy'],
): boolean {
  return createPreBackup && strategy !== 'new_database';
}
