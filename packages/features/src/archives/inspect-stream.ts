/**
 * Task: read an archive from a pipe, inspect it, and pass it on. It blocks its thread on purpose, so it has one of its own: one
 * fixed buffer, no garbage. It ends when the pipe does; whoever wants it to end sooner ends the program that writes.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { AppError } from '@holdfast/contracts/errors';
import type { BackupFormat } from '@holdfast/contracts/backups';
import type { ArchiveContents } from '@holdfast/platform/archive/contents';
import { createInspector } from '@holdfast/platform/archive/create-inspector';
import type { Inspector } from '@holdfast/platform/archive/inspector';
import { type TaskContext, TaskThread } from '@holdfast/platform/process/task-thread';
import { type BytesMoved, reportBytes } from './bytes-moved.ts';

export interface InspectStreamInput {
  readonly format: BackupFormat;
  /** Both are closed by the task, however it ends. */
  readonly readFd: number;
  /** Null: nobody wants the bytes. */
  readonly writeFd: number | null;
}

/** A stream that is cut short may be the fault of the program that wrote it: its exit status, looked at first, tells. */
export type InspectedStream = { readonly contents: ArchiveContents } | { readonly cutShort: string };

/** As much as pg_dump writes at once; more gains nothing. */
const bufferBytes = 256 * 1024;

/** @throws AppError FILE_CORRUPTION where what came is damaged; EPIPE where the reader behind is gone */
export async function inspectStream(
  { format, readFd, writeFd }: InspectStreamInput,
  { report }: TaskContext<BytesMoved>,
): Promise<InspectedStream> {
  try {
    const inspector = await createInspector(format);
    const moved = reportBytes(report);
    const buffer = Buffer.alloc(bufferBytes);
    for (let size = readSync(readFd, buffer); size > 0; size = readSync(readFd, buffer)) {
      inspector.write(buffer.subarray(0, size));
      if (writeFd !== null) {
        writeAll(writeFd, buffer.subarray(0, size));
      }
      moved.add(size, inspector.currentTable);
    }
    moved.flush();
    return endOf(inspector);
  } finally {
    closeSync(readFd);
    if (writeFd !== null) {
      closeSync(writeFd);
    }
  }
}

function endOf(inspector: Inspector): InspectedStream {
  try {
    return { contents: inspector.end() };
  } catch (error) {
    if (error instanceof AppError && error.code === 'FILE_CORRUPTION') {
      return { cutShort: error.message };
    }
    throw error;
  }
}

/** @throws AppError FILE_CORRUPTION */
export function contentsOf(inspected: InspectedStream): ArchiveContents {
  if ('cutShort' in inspected) {
    throw new AppError('FILE_CORRUPTION', inspected.cutShort);
  }
  return inspected.contents;
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    at += writeSync(fd, bytes, at, bytes.length - at);
  }
}

export const inspectorTasks = { inspectStream };

export type InspectorThread = TaskThread<typeof inspectorTasks>;

export function startInspectorThread(): InspectorThread {
  return new TaskThread(new URL(import.meta.resolve('@holdfast/features/archives/thread')));
}
