/** The signed manifest as it lies beside the backup. */
import type { Manifest, SignedManifest } from '@holdfast/contracts/manifest';
import { canonicalJson } from '@holdfast/platform/crypto/canonical-json';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';

const signingPurpose = 'manifest';

export function signManifest(manifest: Manifest, secrets: SecretBox): SignedManifest {
  return { manifest, signature: secrets.sign(canonicalJson(manifest), signingPurpose) };
}

export function isManifestAuthentic({ manifest, signature }: SignedManifest, secrets: SecretBox): boolean {
  return secrets.isSignedBy(canonicalJson(manifest), signingPurpose, signature);
}
