/** Whether a file that says it is a manifest can be one: looked at before any of it goes into a row. */
import { Manifest } from '@holdfast/contracts/manifest';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';

const ajv = new Ajv({ strict: false });
addFormats.default(ajv, ['date-time']);
const isManifest = ajv.compile(Manifest);

/** What the columns of the catalogue hold. */
const limits = { displayName: 255, databaseName: 100, serverVersion: 50, filename: 255 } as const;

/** A sentence that says what is wrong; null where nothing is. */
export function manifestFault(value: unknown): string | null {
  if (!isManifest(value)) {
    const [first] = isManifest.errors ?? [];
    return `it is not of the form of a manifest: ${first?.instancePath ?? ''} ${first?.message ?? ''}`.trim();
  }
  const { backup, database, file } = value as Manifest;
  const isTooLong =
    backup.displayName.length > limits.displayName ||
    database.name.length > limits.databaseName ||
    database.serverVersion.length > limits.serverVersion ||
    file.path.slice(file.path.lastIndexOf('/') + 1).length > limits.filename;
  if (isTooLong) {
    return 'a name in it is longer than any that Holdfast writes';
  }
  // PostgreSQL's jsonb takes no NUL.
  return JSON.stringify(value).includes('\\u0000') ? 'a text in it holds NUL' : null;
}
