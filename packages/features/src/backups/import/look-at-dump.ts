/** Looks at the beginning of a file, through whatever it is compressed with, and tells what dump it is. */
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import type { CompressionType } from '@holdfast/contracts/backups';
import { AppError } from '@holdfast/contracts/errors';
import { type SniffedDump, sniffDump, sniffedBytes } from '@holdfast/platform/archive/sniff-dump';

export interface LookedAtDump extends SniffedDump {
  readonly wrapping: CompressionType;
}

/** `head`: as much as `sniffedBytes` of the file. @throws AppError VALIDATION_FAILED that says what it looks like */
export async function lookAtDump(head: Buffer): Promise<LookedAtDump> {
  const wrapping = wrappingOf(head);
  const sniffed = sniffDump(wrapping === 'none' ? head : await unwrapHead(head, wrapping));
  if (typeof sniffed !== 'string') {
    return { ...sniffed, wrapping };
  }
  const around = wrapping === 'none' ? '' : `, inside ${wrapping}`;
  throw new AppError(
    'VALIDATION_FAILED',
    `The file is no dump of pg_dump: it looks like ${sniffed}${around}.`,
    {
      fields: [{ path: '/', message: `looks like ${sniffed}` }],
      remediation:
        'Import what pg_dump writes in the format custom, plain or tar, as it is or compressed with gzip or zstd.',
    },
  );
}

function wrappingOf(head: Buffer): CompressionType {
  if (head.subarray(0, 2).toString('hex') === '1f8b') {
    return 'gzip';
  }
  return head.subarray(0, 4).toString('hex') === '28b52ffd' ? 'zstd' : 'none';
}

/** As far as it goes: it is cut off somewhere, and may be damaged, which reading it whole will show. */
async function unwrapHead(head: Buffer, wrapping: 'gzip' | 'zstd'): Promise<Buffer> {
  const decoder =
    wrapping === 'gzip'
      ? createGunzip({ finishFlush: constants.Z_SYNC_FLUSH })
      : createZstdDecompress({ finishFlush: constants.ZSTD_e_flush });
  decoder.end(head);
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      pieces.push(piece);
      size += piece.length;
      if (size >= sniffedBytes) {
        break;
      }
    }
  } catch {
    // What came before is what there is.
  }
  return Buffer.concat(pieces);
}
