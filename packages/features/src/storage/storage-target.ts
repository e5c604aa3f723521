/** A storage target is a URL: `file:///folder`, or `s3://bucket/prefix` with endpoint, region and forcePathStyle as parameters. Pure. */
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { AppError } from '@holdfast/contracts/errors';
import type { S3Location, StorageLocation } from './storage-driver.ts';

/** What an S3 URL that does not say otherwise means in this process. */
export interface S3Defaults {
  readonly endpoint: string | null;
  readonly region: string;
}

const parameters = ['endpoint', 'region', 'forcePathStyle'];
const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const regionName = /^[a-z0-9-]{1,40}$/;
const maxPrefixBytes = 512;

/**
 * Takes an absolute folder too, as the settings' default has it.
 * @throws AppError INVALID_CONFIG that says what is wrong, without quoting what may be a secret
 */
export function parseStorageTarget(target: string, defaults: S3Defaults): StorageLocation {
  if (path.isAbsolute(target) && !target.includes('\0')) {
    return { type: 'local', root: path.resolve(target) };
  }
  const url = URL.parse(target);
  switch (url?.protocol) {
    case 'file:':
      return parseFile(url);
    case 's3:':
      return parseS3(url, defaults);
    default:
      throw invalid('it is neither an absolute folder nor a file:// or s3:// URL');
  }
}

/** Whole in itself: what it names does not change with the environment. */
export function formatStorageTarget(location: StorageLocation): string {
  if (location.type === 'local') {
    return pathToFileURL(location.root).href;
  }
  const { bucket, prefix, endpoint, region, forcePathStyle } = location;
  const query = new URLSearchParams();
  if (endpoint !== null) {
    query.set('endpoint', endpoint);
  }
  query.set('region', region);
  if (forcePathStyle !== (endpoint !== null)) {
    query.set('forcePathStyle', String(forcePathStyle));
  }
  const encoded = prefix.split('/').map(encodeURIComponent).join('/');
  return `s3://${bucket}${prefix === '' ? '' : `/${encoded}`}?${query.toString()}`;
}

function parseFile(url: URL): StorageLocation {
  if (url.host !== '' || url.search !== '' || url.hash !== '') {
    throw invalid('a file:// URL has a folder and nothing else, as in file:///var/backups');
  }
  try {
    return { type: 'local', root: path.resolve(fileURLToPath(url)) };
  } catch {
    throw invalid('the folder of the file:// URL can not be read');
  }
}

function parseS3(url: URL, defaults: S3Defaults): S3Location {
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      'credentials do not belong into the URL; give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  if (!bucketName.test(url.host) || url.hash !== '') {
    throw invalid('an s3:// URL is s3://bucket or s3://bucket/prefix');
  }
  const unknown = [...url.searchParams.keys()].find((name) => !parameters.includes(name));
  if (unknown !== undefined) {
    throw invalid(`an s3:// URL takes only the parameters ${parameters.join(', ')}`);
  }
  const endpoint = parseEndpoint(url.searchParams.get('endpoint') ?? defaults.endpoint);
  const region = url.searchParams.get('region') ?? defaults.region;
  if (!regionName.test(region)) {
    throw invalid('the region has other characters than a-z, 0-9 and "-"');
  }
  const style = url.searchParams.get('forcePathStyle') ?? String(endpoint !== null);
  if (style !== 'true' && style !== 'false') {
    throw invalid('forcePathStyle is true or false');
  }
  return {
    type: 's3',
    bucket: url.host,
    prefix: parsePrefix(url.pathname),
    endpoint,
    region,
    forcePathStyle: style === 'true',
  };
}

function parsePrefix(pathname: string): string {
  let prefix: string;
  try {
    prefix = decodeURIComponent(pathname).replaceAll(/^\/+|\/+$/g, '');
  } catch {
    throw invalid('the prefix is not percent-encoded correctly');
  }
  const isPlain = prefix.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if ((prefix !== '' && !isPlain) || /[\0-\x1f]/.test(prefix) || Buffer.byteLength(prefix) > maxPrefixBytes) {
    throw invalid('the prefix has an empty part, a dot part or control characters, or is too long');
  }
  return prefix;
}

function parseEndpoint(text: string | null): string | null {
  if (text === null || text === '') {
    return null;
  }
  const url = URL.parse(text);
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw invalid('the endpoint is not a plain http:// or https:// address');
  }
  return url.href.replace(/\/+$/, '');
}

function invalid(reason: string): AppError {
  return new AppError('INVALID_CONFIG', `The storage target can not be used: ${reason}.`);
}
