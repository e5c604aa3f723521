/** Reads the signed manifest that lies beside a backup. Whether its signature fits is for the caller to ask. */
import { AppError } from '@holdfast/contracts/errors';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import type { StorageDriver } from '../storage/index.ts';

/** A manifest of a hundred thousand tables has some 20 MB; what is larger than this is none. */
const maxManifestBytes = 256 * 1024 * 1024;

/** @throws AppError FILE_CORRUPTION, and what the storage says */
export async function readStoredManifest(storage: StorageDriver, path: string): Promise<SignedManifest> {
  return parse(await readSmall(storage, path), path);
}

async function readSmall(storage: StorageDriver, path: string): Promise<Buffer> {
  const file = await storage.stat(path);
  if (file === null) {
    throw new AppError('FILE_CORRUPTION', `${path}, the manifest beside the backup, is missing.`);
  }
  if (file.sizeBytes > maxManifestBytes) {
    throw new AppError('FILE_CORRUPTION', `${path} has ${file.sizeBytes} bytes and can't be a manifest.`);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of (await storage.open(path)) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(bytes: Buffer, path: string): SignedManifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new AppError('FILE_CORRUPTION', `${path} is no JSON.`, { cause: error });
  }
  if (!isSigned(value)) {
    throw new AppError('FILE_CORRUPTION', `${path} is no manifest with its signature.`);
  }
  return value;
}

/** The signature tells whether what is signed is one of ours; nothing else need be known about it. */
function isSigned(value: unknown): value is SignedManifest {
  const { manifest, signature } = (value ?? {}) as Partial<Record<keyof SignedManifest, unknown>>;
  return typeof manifest === 'object' && manifest !== null && typeof signature === 'string';
}
