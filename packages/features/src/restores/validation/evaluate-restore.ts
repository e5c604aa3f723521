/** Query: everything that is to be known about a restore before it, and the digest of what must not change until it begins. */
import { AppError } from '@holdfast/contracts/errors';
import type {
  Check,
  Finding,
  RestoreOptions,
  RestorePlan,
  RestoreValidation,
} from '@holdfast/contracts/restores';
import type { SchemaDiff } from '@holdfast/contracts/schema-diff';
import type { Clock } from '@holdfast/platform/clock';
import type { ClientPrograms } from '@holdfast/platform/pgtools/client-programs';
import type { QualifiedName } from '@holdfast/platform/pgtools/pg-dump';
import { type CompletedBackup, findStoredBackup } from '../../backups/index.ts';
import { type DatabaseRow, findDatabase, type LookDeps } from '../../databases/index.ts';
import { readSettings } from '../../settings/index.ts';
import { assessImpact } from './assess-impact.ts';
import { type BackupChecks, checkBackup, type CheckBackupDeps } from './check-backup.ts';
import { checkFormat, checkOptions } from './check-options.ts';
import { checkTarget, type TargetChecks } from './check-target.ts';
import { chooseStrategy, createsPreBackup, stepsOf, type StrategyChoice } from './choose-strategy.ts';
import { compareStructures } from './compare-structures.ts';
import { digestOf } from './digest.ts';
import { estimateDurations } from './estimate-durations.ts';
import { findActiveRestore } from './find-active-restore.ts';
import { finding } from './finding.ts';
import { countApprovers } from './find-approvers.ts';
import { lookAtTarget, type Target } from './look-at-target.ts';
import { readLiveStructure, readStoredStructure, type Structure } from './read-structures.ts';
import { resolveTables } from './resolve-tables.ts';

export interface EvaluateDeps extends LookDeps, CheckBackupDeps {
  readonly clock: Clock;
  readonly findClients: () => Promise<ClientPrograms[]>;
}

export interface EvaluateRequest {
  readonly options: RestoreOptions;
  /** Who would start it. */
  readonly userId: string;
  /** The restore itself, once it has a row: it is not in its own way. */
  readonly operationId?: string;
}

export interface Evaluation {
  readonly backup: CompletedBackup;
  readonly database: DatabaseRow;
  readonly targetName: string;
  readonly targetKey: string;
  /** Null where something stands against it. */
  readonly plan: RestorePlan | null;
  readonly choice: StrategyChoice;
  readonly checks: readonly Check[];
  readonly blockers: readonly Finding[];
  readonly warnings: readonly Finding[];
  readonly lastModified: string | null;
  readonly impact: ReturnType<typeof assessImpact>;
  readonly schemaDiff: SchemaDiff;
  readonly approval: RestoreValidation['approval'];
  /** Of what the confirmation holds for: backup, target, its structure, and how it would be done. Rows may come and go. */
  readonly digest: string;
}

/**
 * @throws AppError VALIDATION_FAILED for options that contradict themselves or the backup, BACKUP_NOT_FOUND, INVALID_CONFIG, and what
 * connecting to the target gives
 */
export async function evaluateRestore(deps: EvaluateDeps, request: EvaluateRequest): Promise<Evaluation> {
  const { options, userId } = request;
  checkOptions(options);
  const backup = await findStoredBackup(deps.source.manager, options.sourceBackupId, options.copyId ?? null);
  checkFormat(options, backup.backupFormat);
  const database = await findDatabase(deps.source.manager, options.targetDatabaseId ?? backup.databaseId);
  const targetName = options.targetDatabase ?? database.databaseName;
  const [ofBackup, target, settings] = await Promise.all([
    checkBackup(deps, backup),
    lookAtTarget(deps, { row: database, name: targetName, manifest: backup.manifest }),
    readSettings(deps.source),
  ]);
  const ofTarget = checkTarget({ options, backup, targetName, target, clients: await deps.findClients() });
  const choice = chooseStrategy({ options, backup, targetName, target });
  const structures = await readStructures(deps, { backup, ofBackup, ofTarget, target });
  const tables = resolveTables(options, backup.manifest, structures.stored.entries);
  const approval = {
    isRequired: settings.requireApprovalForRestore,
    possibleApprovers: await countApprovers(deps.source.manager, userId, settings.allowedRestoreRoles),
  };
  const blockers = [
    ...ofBackup.blockers,
    ...ofTarget.blockers,
    ...choice.blockers,
    ...contentBlockers(options, backup),
    ...approvalBlockers(approval),
    ...(await findActiveRestore(deps.source.manager, target.server.key, request.operationId ?? null)),
  ];
  const strategy = choice.strategy ?? options.strategy ?? 'in_place';
  const restoreType = options.restoreType ?? 'full';
  const withSafety = createsPreBackup(options, strategy);
  const question = { strategy, restoreType, backup, target, tables, createsPreBackup: withSafety };
  const durations = await estimateDurations(deps.source.manager, backup);
  const steps = stepsOf({
    strategy,
    targetName,
    createsPreBackup: withSafety,
    needsApproval: approval.isRequired,
  });
  const plan: RestorePlan = {
    strategy,
    steps,
    target: { databaseId: database.id, database: targetName, exists: target.database !== null },
    tables,
    allowUnpatchedClient: options.allowUnpatchedClient ?? false,
  };
  return {
    backup,
    database,
    targetName,
    targetKey: target.server.key,
    plan: blockers.length === 0 ? plan : null,
    choice,
    checks: [...ofBackup.checks, ...ofTarget.checks],
    blockers,
    warnings: [...ofBackup.warnings, ...ofTarget.warnings, ...optionWarnings(options, backup, strategy)],
    lastModified: ofBackup.lastModified,
    impact: assessImpact({ ...question, durations }),
    schemaDiff: compareStructures({
      ...structures,
      manifest: backup.manifest,
      liveRelations: target.database?.relations ?? [],
      canCompareDefinitions: backup.backupFormat !== 'plain',
      tables,
    }),
    approval,
    digest: stableDigest({ backup, target, plan, options, tables }),
  };
}

interface StructureQuestion {
  readonly backup: CompletedBackup;
  readonly ofBackup: BackupChecks;
  readonly ofTarget: TargetChecks;
  readonly target: Target;
}

/** A file that is known to be damaged, or that nobody trusts, is not opened. */
async function readStructures(
  deps: EvaluateDeps,
  { backup, ofBackup, ofTarget, target }: StructureQuestion,
): Promise<{ stored: Structure; live: Structure }> {
  const unread = (reason: string): Promise<Structure> => Promise.resolve({ entries: null, reason });
  const [stored, live] = await Promise.all([
    ofBackup.blockers.length > 0
      ? unread('the file of the backup is not read, for the reasons told under blockers')
      : readStoredStructure(deps, backup),
    target.database === null
      ? Promise.resolve({ entries: [], reason: null })
      : ofTarget.client === null
        ? unread('no client suits the server')
        : readLiveStructure({ client: ofTarget.client, address: target.address, connect: target.connect }),
  ]);
  return { stored, live };
}

/** What the backup does not hold. */
function contentBlockers({ restoreType }: RestoreOptions, backup: CompletedBackup): Finding[] {
  return restoreType === 'data_only' && backup.backupType === 'schema'
    ? [
        finding('INVALID_CONFIG', `Backup ${backup.id} holds the schema alone: it has no rows to restore.`, {
          remedy: 'Choose a full backup.',
        }),
      ]
    : [];
}

function approvalBlockers({ isRequired, possibleApprovers }: Evaluation['approval']): Finding[] {
  return isRequired && possibleApprovers === 0
    ? [
        finding(
          'APPROVAL_REQUIRED',
          'Restores need the approval of another person, and nobody else could give it.',
          {
            remedy:
              'Add a person with a role of allowed_restore_roles, or have a super-admin set require_approval_for_restore to false.',
          },
        ),
      ]
    : [];
}

function optionWarnings(
  options: RestoreOptions,
  backup: CompletedBackup,
  strategy: RestorePlan['strategy'],
): Finding[] {
  const found: Finding[] = [];
  const leftOut = (['includeIndexes', 'includeConstraints', 'includeTriggers'] as const)
    .filter((part) => options[part] === false)
    .map((part) => part.replace('include', '').toLowerCase());
  if (leftOut.length > 0) {
    found.push(
      finding('INVALID_CONFIG', `What is restored will have no ${leftOut.join(' and no ')} of the backup.`, {
        remedy: 'Make them yourself afterwards.',
      }),
    );
  }
  const withoutRows = backup.manifest.selection?.withoutRows ?? [];
  if (withoutRows.length > 0 && options.restoreType !== 'schema_only') {
    found.push(
      finding(
        'INVALID_CONFIG',
        `The backup left the rows of ${withoutRows.map(({ schema, name }) => `${schema}.${name}`).join(', ')} out: they come back empty.`,
        { remedy: 'Leave these tables out of the restore, or bring their rows from elsewhere.' },
      ),
    );
  }
  if (!createsPreBackup(options, strategy) && strategy !== 'new_database') {
    found.push(
      finding('INVALID_CONFIG', `No safety backup is taken: ${options.preBackupWaiverReason ?? ''}`, {
        remedy: 'Leave createPreBackup on, so that the restore can be undone whatever happens.',
      }),
    );
  }
  return found;
}

interface Stable {
  readonly backup: CompletedBackup;
  readonly target: Target;
  readonly plan: RestorePlan;
  readonly options: RestoreOptions;
  readonly tables: readonly QualifiedName[] | null;
}

function stableDigest({ backup, target, plan, options, tables }: Stable): string {
  return digestOf({
    backup: { id: backup.id, sha256: backup.checksumSha256, copyId: options.copyId ?? null },
    target: {
      key: target.server.key,
      oid: target.database?.oid ?? null,
      structure: target.database?.catalogueDigest ?? null,
    },
    strategy: plan.strategy,
    tables,
  });
}

/** @throws AppError that names every blocker: IN_USE where waiting helps, else VALIDATION_FAILED */
export function expectPlan({ plan, blockers }: Evaluation): RestorePlan {
  if (plan === null) {
    const code = blockers.every((blocker) => blocker.code === 'IN_USE') ? 'IN_USE' : 'VALIDATION_FAILED';
    throw new AppError(code, blockers.map(({ detail }) => detail).join(' '), {
      remediation: blockers.map(({ remediation }) => remediation).join(' '),
    });
  }
  return plan;
}
