/** HTTP: the files of backups. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { DownloadHeaders, DownloadLink, DownloadTokenParam } from '@holdfast/contracts/downloads';
import { IdParam } from '@holdfast/contracts/schema';
import { Type } from '@sinclair/typebox';
import { actorOf } from '../../auth/index.ts';
import { parseBackupId } from '../parse-backup-id.ts';
import { CheckedReader } from './checked-reader.ts';
import { downloadBackup } from './download-backup.ts';
import type { DownloadDeps } from './download-deps.ts';
import { clientOf, readLink } from './download-link.ts';
import { requestDownloadLink } from './request-download-link.ts';

const tags = ['downloads'];
const File = (description: string) => ({
  description,
  content: { 'application/octet-stream': { schema: Type.String({ format: 'binary' }) } },
});
const response = {
  200: File('The whole file'),
  206: File('The range that was asked for'),
  416: { description: 'The range lies behind the end of the file', type: 'null' },
};

export const downloadRoutes: FastifyPluginAsyncTypebox<DownloadDeps> = async (app, given) => {
  const deps = { ...given, reader: new CheckedReader(given.storage) };

  app.post(
    '/backups/:id/download-link',
    {
      config: { permission: 'backups.download' },
      schema: {
        tags,
        summary: 'Make a link to the file of a backup that works once, within a minute',
        params: IdParam,
        response: { 201: DownloadLink },
      },
    },
    async (request, reply) => {
      const backupId = parseBackupId(request.params.id);
      const { token, expiresAt, backup } = await requestDownloadLink(deps.source, backupId, actorOf(request));
      reply.code(201).header('cache-control', 'no-store');
      return {
        url: `${app.prefix}/downloads/${token}`,
        expiresAt: expiresAt.toISOString(),
        filename: backup.filename,
        sizeBytes: backup.fileSize,
        sha256: backup.checksumSha256,
      };
    },
  );

  app.route({
    method: ['GET', 'HEAD'],
    url: '/backups/:id/download',
    exposeHeadRoute: false,
    config: { permission: 'backups.download' },
    schema: {
      tags,
      summary: 'The file of a backup; a range of it goes on with an interrupted transfer',
      params: IdParam,
      headers: DownloadHeaders,
      response,
    },
    handler: async (request, reply) =>
      await downloadBackup(deps, {
        request,
        reply,
        backupId: parseBackupId(request.params.id),
        actor: actorOf(request),
        tokenHash: null,
      }),
  });

  app.route({
    method: ['GET', 'HEAD'],
    url: '/downloads/:token',
    exposeHeadRoute: false,
    config: { permission: 'downloads.follow-link' },
    schema: {
      tags,
      summary:
        'The file of a backup by a link; the first transfer uses it up, only its own client may go on with it',
      params: DownloadTokenParam,
      headers: DownloadHeaders,
      security: [],
      response,
    },
    handler: async (request, reply) => {
      const client = clientOf(request.ip, request.headers['user-agent']);
      const { tokenHash, backupId, userId, username } = await readLink(
        deps.source,
        request.params.token,
        client,
      );
      const actor = { userId, name: username, address: request.ip, requestId: request.id };
      return await downloadBackup(deps, { request, reply, backupId, actor, tokenHash });
    },
  });
};
