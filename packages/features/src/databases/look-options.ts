/** How the API looks at a database while somebody waits: by the settings, but never longer than a person would. */
import type { BoundedOptions } from '@holdfast/platform/pgtools/bounded-session';
import type { SecretBox } from '@holdfast/platform/crypto/secret-box';
import type { DataSource } from 'typeorm';
import { readSettings } from '../settings/index.ts';

export interface LookDeps {
  readonly source: DataSource;
  readonly secrets: SecretBox;
}

const longestConnectMs = 10_000;
const longestLookMs = 25_000;

export async function lookOptions({ source, secrets }: LookDeps): Promise<BoundedOptions> {
  const { connectionTimeout } = await readSettings(source);
  return {
    applicationName: `holdfast-${secrets.installation}/look`,
    connectTimeoutMs: Math.min(connectionTimeout * 1000, longestConnectMs),
    timeLimitMs: longestLookMs,
  };
}
