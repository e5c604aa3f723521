/** HTTP: dumps made elsewhere become backups. */
import type { Readable } from 'node:stream';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { BackupAccepted } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { ImportFile, ImportOptions } from '@holdfast/contracts/imports';
import { Type } from '@sinclair/typebox';
import { actorOf } from '../../auth/index.ts';
import type { RequestBackupDeps } from '../request-backup.ts';
import { requestImport, type RequestImport } from './request-import.ts';

const fileType = 'application/octet-stream';
/** An upload from which nothing comes for this long has died. */
const silenceMs = 60_000;

export const importRoutes: FastifyPluginAsyncTypebox<RequestBackupDeps> = async (app, deps) => {
  // Handed on as it comes: only in here, and no limit of a body that is held in memory applies.
  app.addContentTypeParser(fileType, (_request, payload, done) => done(null, payload));

  app.post(
    '/backups/import',
    {
      config: { permission: 'backups.import', receivesFile: true },
      schema: {
        tags: ['backups'],
        summary:
          'Make a backup of a file that pg_dump wrote elsewhere: sent as the body, or named as {"path"}',
        querystring: ImportOptions,
        body: {
          content: {
            'application/json': { schema: ImportFile },
            [fileType]: { schema: Type.Any({ description: 'The file' }) },
          },
        },
        response: { 202: BackupAccepted },
      },
    },
    async (request, reply) => {
      // Whatever goes wrong, the rest of a large body is not waited for.
      reply.header('connection', 'close');
      request.raw.setTimeout(silenceMs, () => request.raw.destroy());
      const backupId = await requestImport(deps, {
        options: request.query,
        file: fileOf(request.body, request.headers['content-length']),
        actor: actorOf(request),
      });
      reply.code(202).header('location', `${app.prefix}/backups/${backupId}`);
      return { backupId, message: 'The file is accepted and will be read as soon as a worker is free.' };
    },
  );
};

function fileOf(body: unknown, contentLength: string | undefined): RequestImport['file'] {
  if (typeof body === 'object' && body !== null && 'path' in body) {
    return body as { path: string };
  }
  if (typeof body !== 'object' || body === null || !('pipe' in body)) {
    throw new AppError(
      'VALIDATION_FAILED',
      `Send the file as ${fileType}, or {"path": "imports/…"} as JSON.`,
    );
  }
  return {
    body: body as Readable,
    sizeBytes: contentLength === undefined ? null : Number(contentLength),
  };
}
