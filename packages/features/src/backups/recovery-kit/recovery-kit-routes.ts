/** HTTP: the recovery kit of a backup. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { IdParam } from '@holdfast/contracts/schema';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import { Type } from '@sinclair/typebox';
import type { DataSource } from 'typeorm';
import { recordAudit } from '../../audit/index.ts';
import { actorOf } from '../../auth/index.ts';
import { findCompletedBackup } from '../find-completed-backup.ts';
import { signManifest } from '../manifest-file.ts';
import { parseBackupId } from '../parse-backup-id.ts';
import { kitFiles } from './kit-files.ts';
import { packKit } from './pack-kit.ts';

export interface RecoveryKitDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
}

export const recoveryKitRoutes: FastifyPluginAsyncTypebox<RecoveryKitDeps> = async (app, deps) => {
  app.get(
    '/backups/:id/recovery-kit',
    {
      config: { permission: 'backups.recovery-kit' },
      schema: {
        tags: ['backups'],
        summary: 'What it takes beside the stored file to restore it without Holdfast, as a tar.gz',
        params: IdParam,
        response: {
          200: {
            content: {
              'application/gzip': { schema: Type.Unsafe<Buffer>({ type: 'string', format: 'binary' }) },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const backup = await findCompletedBackup(deps.source.manager, parseBackupId(request.params.id));
      const name = `holdfast-recovery-kit-${backup.id}`;
      const files = kitFiles({
        signed: signManifest(backup.manifest, deps.secrets),
        backupId: backup.id,
        storageTarget: backup.storageTarget ?? '',
        isTrusted: backup.isTrusted,
      });
      await recordAudit(deps.source.manager, actorOf(request), {
        action: 'backup.recovery-kit',
        subjectType: 'backup',
        subjectId: String(backup.id),
        outcome: 'succeeded',
      });
      reply
        .type('application/gzip')
        .header('content-disposition', `attachment; filename="${name}.tar.gz"`)
        .header('cache-control', 'no-store')
        .header('x-content-type-options', 'nosniff');
      return await packKit(name, files);
    },
  );
};
