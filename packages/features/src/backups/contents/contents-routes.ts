/** HTTP: what is in a backup. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Contents, ContentsQuery } from '@holdfast/contracts/contents';
import { IdParam } from '@holdfast/contracts/schema';
import type { DataSource } from 'typeorm';
import { findCompletedBackup } from '../find-completed-backup.ts';
import type { StoredArchiveDeps } from '../stored-archive.ts';
import { parseBackupId } from '../parse-backup-id.ts';
import { describeContents } from './describe-contents.ts';
import { ObjectLists, objectsOfManifest } from './object-lists.ts';

export interface ContentsDeps extends StoredArchiveDeps {
  readonly source: DataSource;
}

export const contentsRoutes: FastifyPluginAsyncTypebox<ContentsDeps> = async (app, deps) => {
  const lists = new ObjectLists(deps);

  app.get(
    '/backups/:id/contents',
    {
      config: { permission: 'backups.read' },
      schema: {
        tags: ['backups'],
        summary: 'Every object in a backup, from the head of its file, with the rows and bytes of its tables',
        params: IdParam,
        querystring: ContentsQuery,
        response: { 200: Contents },
      },
    },
    async (request) => {
      const backup = await findCompletedBackup(deps.source.manager, parseBackupId(request.params.id));
      const { encryption } = backup;
      const canRead = encryption === null || (await deps.keyring.canOpen(encryption.recipients));
      const objects = canRead ? await lists.of(backup) : objectsOfManifest(backup.manifest);
      return describeContents(backup, objects, request.query);
    },
  );
};
