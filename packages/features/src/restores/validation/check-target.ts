/** Whether a target can take a backup at all, whatever the strategy. Pure. */
import { AppError } from '@holdfast/contracts/errors';
import type { Check, Finding, RestoreOptions } from '@holdfast/contracts/restores';
import { chooseClient, type ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import { type CompletedBackup, sayBytes } from '../../backups/index.ts';
import { flawedClientError } from '../flawed-client.ts';
import { finding, findingOf } from './finding.ts';
import type { Target } from './look-at-target.ts';

export interface TargetQuestion {
  readonly options: RestoreOptions;
  readonly backup: CompletedBackup;
  readonly targetName: string;
  readonly target: Target;
  readonly clients: readonly ClientPrograms[];
}

export interface TargetChecks {
  readonly checks: Check[];
  readonly blockers: Finding[];
  readonly warnings: Finding[];
  /** Null where none suits the server. */
  readonly client: ClientPrograms | null;
}

export function checkTarget(question: TargetQuestion): TargetChecks {
  const versions = checkVersions(question);
  const parts = [
    { name: 'server', ...checkServer(question) },
    { name: 'versions', ...versions },
    { name: 'extensions', ...checkExtensions(question) },
    { name: 'roles', ...checkRoles(question) },
    { name: 'space', ...checkSpace(question) },
  ];
  return {
    client: versions.client,
    checks: parts.map(({ name, blockers, warnings, passed }) => ({
      name,
      status: blockers.length > 0 ? 'failed' : warnings.length > 0 ? 'warned' : 'passed',
      detail: [...blockers, ...warnings].map(({ detail }) => detail).join(' ') || passed,
    })),
    blockers: parts.flatMap(({ blockers }) => blockers),
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
}

interface Findings {
  readonly blockers: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** What is said where nothing was found. */
  readonly passed: string;
}

function checkServer({ target, targetName }: TargetQuestion): Findings {
  const { facts } = target.server;
  const blockers: Finding[] = [];
  if (facts.isInRecovery) {
    blockers.push(
      finding('INVALID_CONFIG', 'The server is in recovery and takes no writes.', {
        remedy: 'Restore on the primary server.',
      }),
    );
  } else if (facts.isReadOnly) {
    blockers.push(
      finding('INVALID_CONFIG', 'Transactions are read-only by default on this server.', {
        remedy: `Set default_transaction_read_only to off for role "${facts.role.name}" or the database.`,
      }),
    );
  }
  if (target.database?.isTemplate === true || targetName === 'template0' || targetName === 'template1') {
    blockers.push(
      finding('INVALID_CONFIG', `"${targetName}" is a template that new databases are made from.`, {
        remedy: 'Name another database.',
      }),
    );
  }
  return { blockers, warnings: [], passed: `PostgreSQL ${facts.serverVersion}, role "${facts.role.name}"` };
}

function checkVersions({ options, backup, target, clients }: TargetQuestion): Findings & {
  readonly client: ClientPrograms | null;
} {
  const { serverVersion } = target.server.facts;
  const made = backup.manifest.database.serverVersion;
  const blockers: Finding[] = [];
  const warnings: Finding[] = [];
  if (Number.parseInt(serverVersion, 10) < Number.parseInt(made, 10)) {
    blockers.push(
      finding(
        'VERSION_MISMATCH',
        `The backup is of PostgreSQL ${made}, the server has ${serverVersion}, which is older.`,
        {
          remedy: 'Restore on a server of the same or a newer major version.',
        },
      ),
    );
  }
  const client = findClient(clients, serverVersion, blockers);
  const flawed = client === null ? null : flawedClientError(backup, client);
  if (flawed !== null) {
    (options.allowUnpatchedClient === true ? warnings : blockers).push(findingOf(flawed));
  }
  return {
    client,
    blockers,
    warnings,
    passed: `Backup of ${made}, server ${serverVersion}, client ${client?.version}`,
  };
}

function findClient(
  clients: readonly ClientPrograms[],
  serverVersion: string,
  blockers: Finding[],
): ClientPrograms | null {
  try {
    return chooseClient(clients, serverVersion);
  } catch (error) {
    if (!(error instanceof AppError)) {
      throw error;
    }
    blockers.push(findingOf(error));
    return null;
  }
}

function checkExtensions({ backup, target }: TargetQuestion): Findings {
  const wanted = new Map(backup.manifest.database.extensions.map(({ name, version }) => [name, version]));
  const absent = target.server.extensions.filter(({ available }) => available === null);
  const other = target.server.extensions.filter(
    ({ name, available }) => available !== null && available !== wanted.get(name),
  );
  return {
    blockers: absent.map(({ name }) =>
      finding('INVALID_CONFIG', `The extension "${name}" is in the backup and not available on the server.`, {
        remedy: 'Install its package on the server.',
      }),
    ),
    warnings: other.map(({ name, available }) =>
      finding(
        'VERSION_MISMATCH',
        `The extension "${name}" was at version ${wanted.get(name)}; the server installs ${available}.`,
        { remedy: 'Read the notes of the extension about its versions.' },
      ),
    ),
    passed: `${wanted.size} extensions, all available in the same version`,
  };
}

/** Without its roles the objects belong to the role that restores, and grants to them are lost. */
function checkRoles({ target, backup }: TargetQuestion): Findings {
  const { missingRoles, facts } = target.server;
  const warnings: Finding[] = [];
  if (missingRoles.length > 0) {
    warnings.push(
      finding(
        'INVALID_CONFIG',
        `The server lacks the roles ${missingRoles.map((role) => `"${role}"`).join(', ')}, so owners and grants are not restored.`,
        {
          remedy:
            'Create them before (a backup with globals has them), or accept that the restoring role owns all.',
        },
      ),
    );
  } else if (
    !facts.role.isSuperuser &&
    backup.manifest.database.roles.some((role) => role !== facts.role.name)
  ) {
    warnings.push(
      finding(
        'PERMISSION_DENIED',
        `Role "${facts.role.name}" is no superuser, so owners and grants are not restored: it will own all.`,
        { remedy: 'Register the target with a superuser where owners matter.' },
      ),
    );
  }
  return { blockers: [], warnings, passed: `${backup.manifest.database.roles.length} roles, all there` };
}

/** PostgreSQL tells nobody how much space its disk has left. */
function checkSpace({ backup }: TargetQuestion): Findings {
  return {
    blockers: [],
    warnings: [],
    passed: `The restored database needs some ${sayBytes(backup.manifest.database.sizeBytes)} on the server's disk beside what is there; PostgreSQL does not tell how much is free`,
  };
}
