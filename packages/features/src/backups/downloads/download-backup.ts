/** Command: answer a request for a backup's file: look, claim, hold, send. */
import type { OutgoingHttpHeaders } from 'node:http';
import { AppError } from '@holdfast/contracts/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Actor, recordAudit } from '../../audit/index.ts';
import { readSettings } from '../../settings/index.ts';
import type { PieceReader } from '../../storage/index.ts';
import { recordDamage } from '../record-damage.ts';
import { type RequestedBytes, requestedBytes } from './byte-range.ts';
import type { CheckedReader } from './checked-reader.ts';
import type { DownloadDeps } from './download-deps.ts';
import { type DownloadableBackup, downloadHead, etagOf } from './download-headers.ts';
import { keepLease, takeLease } from './download-lease.ts';
import { claimLink, clientOf } from './download-link.ts';
import { findDownloadable } from './find-downloadable.ts';
import { ClientGoneError, sendPieces } from './send-pieces.ts';

export interface Download {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly backupId: number;
  readonly actor: Actor;
  /** Of the link that is followed; null for somebody signed in. */
  readonly tokenHash: string | null;
}

export type DownloadCommandDeps = DownloadDeps & { readonly reader: CheckedReader };

/** @throws AppError before the first byte; after it the connection is destroyed instead */
export async function downloadBackup(deps: DownloadCommandDeps, download: Download): Promise<FastifyReply> {
  const { request, reply, backupId } = download;
  const backup = await findDownloadable(deps.source.manager, backupId);
  const { range, 'if-range': ifRange } = request.headers;
  const asked = requestedBytes({
    range,
    ifRange: ifRange as string | undefined,
    etag: etagOf(backup),
    sizeBytes: backup.fileSize,
  });
  const { status, headers } = downloadHead(backup, asked);
  if (request.method === 'HEAD' || asked === 'unsatisfiable') {
    await markIfDamaged(deps, backup, () => deps.reader.look(backup));
    return await reply.code(status).headers(headers).send();
  }
  const { stallTimeout } = await readSettings(deps.source);
  const idleMs = stallTimeout * 1000;
  const pieces = await markIfDamaged(deps, backup, () =>
    deps.reader.open(backup, asked === 'whole' ? null : asked),
  );
  try {
    const leaseId = await begin(deps, download, asked);
    const release = keepLease(deps, leaseId);
    try {
      await deps.reached('download-begun');
      reply.hijack();
      reply.raw.writeHead(status, { ...(reply.getHeaders() as OutgoingHttpHeaders), ...headers });
      await send(deps, { backup, reply, pieces, idleMs });
    } finally {
      await release();
    }
  } finally {
    await pieces.close();
  }
  return reply;
}

/** In one transaction: the link is claimed, the backup seen completed and held, and all of it recorded. */
async function begin(
  { source }: DownloadDeps,
  { request, backupId, actor, tokenHash }: Download,
  asked: Exclude<RequestedBytes, 'unsatisfiable'>,
): Promise<string> {
  const start = asked === 'whole' ? 0 : asked.start;
  return await source.transaction(async (manager) => {
    if (tokenHash !== null) {
      const client = clientOf(request.ip, request.headers['user-agent']);
      await claimLink(manager, { tokenHash, client, isResume: start > 0 });
    }
    await findDownloadable(manager, backupId, { lock: true });
    await recordAudit(manager, actor, {
      action: 'backup.download',
      subjectType: 'backup',
      subjectId: String(backupId),
      outcome: 'succeeded',
      after: { bytes: asked === 'whole' ? 'all' : asked, byLink: tokenHash !== null },
    });
    return await takeLease(manager, { backupId, tokenHash });
  });
}

interface Sending {
  readonly backup: DownloadableBackup;
  readonly reply: FastifyReply;
  readonly pieces: PieceReader;
  readonly idleMs: number;
}

/** The answer has begun: what fails now can only be shown by breaking the connection off. */
async function send(deps: DownloadCommandDeps, { backup, reply, pieces, idleMs }: Sending): Promise<void> {
  try {
    await markIfDamaged(deps, backup, () => sendPieces(reply.raw, { pieces, idleMs }));
  } catch (error) {
    const level = error instanceof ClientGoneError ? 'info' : 'error';
    deps.logger[level]({ error, backupId: backup.id }, 'a download was broken off');
  }
}

async function markIfDamaged<Result>(
  { source, clock }: DownloadDeps,
  backup: DownloadableBackup,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (
      error instanceof AppError &&
      (error.code === 'FILE_CORRUPTION' || error.code === 'BACKUP_NOT_FOUND')
    ) {
      await recordDamage(source.manager, backup.id, { at: clock.now(), what: error.message });
    }
    throw error;
  }
}
