/** Command: validate a restore; where nothing stands against it, the answer carries the token that confirms it. */
import type { RestoreOptions, RestoreValidation } from '@holdfast/contracts/restores';
import { type Actor, recordAudit } from '../audit/index.ts';
import { presentBackup } from '../backups/index.ts';
import { issueToken, removeOldTokens } from './confirmation.ts';
import { type EvaluateDeps, type Evaluation, evaluateRestore } from './validation/evaluate-restore.ts';

/** @throws AppError as evaluateRestore does */
export async function validateRestore(
  deps: EvaluateDeps,
  options: RestoreOptions,
  { actor, userId }: { readonly actor: Actor; readonly userId: string },
): Promise<RestoreValidation> {
  const evaluation = await evaluateRestore(deps, { options, userId });
  const confirmation = await deps.source.transaction(async (manager) => {
    await recordAudit(manager, actor, {
      action: 'restore.validate',
      subjectType: 'backup',
      subjectId: String(options.sourceBackupId),
      outcome: evaluation.plan === null ? 'refused' : 'succeeded',
      after: { options, blockers: evaluation.blockers.map(({ detail }) => detail) },
    });
    await removeOldTokens(manager);
    return evaluation.plan === null
      ? null
      : await issueToken(manager, { userId, options, reportDigest: evaluation.digest });
  });
  return present(evaluation, confirmation);
}

function present(
  evaluation: Evaluation,
  confirmation: { readonly token: string; readonly expiresAt: Date } | null,
): RestoreValidation {
  const { backup, choice, blockers, warnings, impact, plan } = evaluation;
  const sentences = warnings.map(({ detail }) => detail);
  return {
    backup: presentBackup(backup),
    validation: {
      valid: plan !== null,
      fileSize: backup.fileSize,
      lastModified: evaluation.lastModified,
      warnings: sentences,
      checks: [...evaluation.checks],
    },
    impactAssessment: impact.assessment,
    warnings: sentences,
    confirmationRequired: true,
    estimatedDuration: Math.ceil(impact.estimatedDurationMs / 1000),
    plan: {
      strategy: choice.strategy,
      possibleStrategies: [...choice.possible],
      impossibleStrategies: choice.impossible.map(({ strategy, reasons }) => ({
        strategy,
        reason: reasons.map(({ detail }) => detail).join(' '),
      })),
      steps: plan?.steps ?? [],
      blockers: [...blockers],
      warnings: [...warnings],
    },
    schemaDiff: evaluation.schemaDiff,
    approval: evaluation.approval,
    confirmTarget: evaluation.targetName,
    confirmationToken: confirmation?.token ?? null,
    confirmationExpiresAt: confirmation?.expiresAt.toISOString() ?? null,
  };
}
