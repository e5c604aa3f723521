/** The headers of a download: what the bytes are, how a client resumes and checks them, and nothing that a file name could break out of. Pure. */
import { create as contentDisposition } from 'content-disposition';
import type { BackupRow } from '../backup.entity.ts';
import type { RequestedBytes } from './byte-range.ts';

/** A completed backup has both sums: a constraint of its table says so. */
export type DownloadableBackup = Pick<
  BackupRow,
  'id' | 'filename' | 'filePath' | 'fileSize' | 'storageTarget'
> & {
  readonly checksumMd5: string;
  readonly checksumSha256: string;
};

export interface DownloadHead {
  readonly status: 200 | 206 | 416;
  readonly headers: Readonly<Record<string, string | number>>;
}

/** Strong: the bytes are what it is computed from. */
export function etagOf({ checksumSha256 }: Pick<DownloadableBackup, 'checksumSha256'>): string {
  return `"${checksumSha256}"`;
}

export function downloadHead(backup: DownloadableBackup, asked: RequestedBytes): DownloadHead {
  const { fileSize } = backup;
  const always = {
    'accept-ranges': 'bytes',
    'cache-control': 'no-store',
    etag: etagOf(backup),
    'x-content-type-options': 'nosniff',
  };
  if (asked === 'unsatisfiable') {
    return { status: 416, headers: { ...always, 'content-range': `bytes */${fileSize}` } };
  }
  const [sha256, md5] = [backup.checksumSha256, backup.checksumMd5].map((hex) =>
    Buffer.from(hex, 'hex').toString('base64'),
  );
  const described = {
    ...always,
    'content-type': 'application/octet-stream',
    'content-disposition': contentDisposition(backup.filename),
    // Of the whole file, also where a part of it is sent; `Digest` is the same for clients of before RFC 9530.
    'repr-digest': `sha-256=:${sha256}:`,
    digest: `sha-256=${sha256},md5=${md5}`,
  };
  if (asked === 'whole') {
    return { status: 200, headers: { ...described, 'content-length': fileSize } };
  }
  const { start, end } = asked;
  return {
    status: 206,
    headers: {
      ...described,
      'content-length': end - start + 1,
      'content-range': `bytes ${start}-${end}/${fileSize}`,
    },
  };
}
