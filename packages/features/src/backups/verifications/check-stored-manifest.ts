/** The manifest beside a backup: there, whole, signed by this installation, and the very one that the catalogue holds. */
import { AppError } from '@holdfast/contracts/errors';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { SignedManifest } from '@holdfast/contracts/manifest';
import type { StorageDriver } from '../../storage/index.ts';
import type { CompletedBackup } from '../find-completed-backup.ts';
import { isManifestAuthentic } from '../manifest-file.ts';
import { manifestPath } from '../stored-files.ts';

/** A manifest of a hundred thousand tables has some 20 MB; what is larger than this is none. */
const maxManifestBytes = 256 * 1024 * 1024;

/** @throws AppError FILE_CORRUPTION */
export async function checkStoredManifest(
  { storage, secrets }: { storage: StorageDriver; secrets: SecretBox },
  backup: CompletedBackup,
): Promise<void> {
  const path = manifestPath(backup.filePath);
  const signed = parse(await readSmall(storage, path), path);
  if (!isManifestAuthentic(signed, secrets)) {
    throw new AppError('FILE_CORRUPTION', `${path} was changed: its signature does not fit.`);
  }
  if (canonicalJson(signed.manifest) !== canonicalJson(backup.manifest)) {
    throw new AppError('FILE_CORRUPTION', `${path} is not the manifest of backup ${backup.id}.`);
  }
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
