/** Reads sizes as people write them. */
import { AppError } from '@holdfast/contracts/errors';

const factors: Readonly<Record<string, number>> = {
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};
const smallestBytes = 1e6;
const largestBytes = 1e12;

/** "150MB", "2 GB", "1.5GiB". @throws AppError INVALID_CONFIG */
export function parseDemoSize(text: string): number {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]i?b)\s*$/i.exec(text) ?? [];
  const bytes = Math.round(Number(number) * (factors[(unit ?? '').toLowerCase()] ?? Number.NaN));
  if (!(bytes >= smallestBytes && bytes <= largestBytes)) {
    throw new AppError('INVALID_CONFIG', `"${text}" is not a size from 1 MB to 1000 GB.`, {
      remediation: 'Write for example 150MB or 2GB.',
    });
  }
  return bytes;
}
