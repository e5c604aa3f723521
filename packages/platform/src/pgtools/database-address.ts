/** Where a database is and as whom to connect; how it reaches programs (environment) and the driver (config). */
import type { ConnectionOptions } from 'node:tls';
import { AppError } from '@holdfast/contracts/errors';
import type { ClientConfig } from 'pg';

export const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | null;
  readonly sslMode: SslMode;
  /** File of certificate authorities for verify-ca and verify-full; null: those that the programs trust by themselves. */
  readonly sslRootCert: string | null;
}

/** @throws AppError INVALID_CONFIG; its message never repeats the URL. */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new AppError(
      'INVALID_CONFIG',
      'The database URL is not of the form postgresql://user:password@host:port/database.',
      { cause: error },
    );
  }
  const sslMode = (url.searchParams.get('sslmode') ?? 'prefer') as SslMode;
  const database = decodeURIComponent(url.pathname.slice(1));
  if (!sslModes.includes(sslMode) || database === '' || url.username === '') {
    throw new AppError(
      'INVALID_CONFIG',
      'The database URL needs a user and a database name, and a known sslmode if any.',
    );
  }
  return {
    host: decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')) || '127.0.0.1',
    port: url.port === '' ? 5432 : Number(url.port),
    database,
    user: decodeURIComponent(url.username),
    password: url.password === '' ? null : decodeURIComponent(url.password),
    sslMode,
    sslRootCert: url.searchParams.get('sslrootcert'),
  };
}

export interface ConnectOptions {
  /** `holdfast-<installation>/<kind>/<id>/<attempt>`: by this name the server's side of an operation is found and ended. */
  readonly applicationName: string;
  readonly connectTimeoutMs: number;
}

/** The environment for libpq programs. Nothing of it may come from our own environment, where secrets live. */
export function libpqEnvironment(address: DatabaseAddress, options: ConnectOptions): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    ...(address.password === null ? {} : { PGPASSWORD: address.password }),
    PGPASSFILE: '/dev/null',
    PGSSLMODE: address.sslMode,
    ...(address.sslRootCert === null ? {} : { PGSSLROOTCERT: address.sslRootCert }),
    PGAPPNAME: options.applicationName,
    PGCONNECT_TIMEOUT: String(Math.max(2, Math.ceil(options.connectTimeoutMs / 1000))),
  };
}

/** How the driver should connect this time: as libpq would, which may take two tries. */
export type TlsAttempt = 'plain' | 'tls';

/** libpq's order: `prefer` falls back to plain, `allow` goes over to TLS. */
export const tlsAttempts: Readonly<Record<SslMode, readonly TlsAttempt[]>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls', 'plain'],
  require: ['tls'],
  'verify-ca': ['tls'],
  'verify-full': ['tls'],
};

export interface DriverOptions extends ConnectOptions {
  readonly attempt: TlsAttempt;
  /** What lies in `sslRootCert`. */
  readonly authorities?: string;
}

export function driverConfig(address: DatabaseAddress, options: DriverOptions): ClientConfig {
  const config: ClientConfig = {
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    ssl: options.attempt === 'plain' ? false : tlsOptions(address, options.authorities),
  };
  return address.password === null ? config : { ...config, password: address.password };
}

/** `require` encrypts and trusts anybody; `verify-ca` wants a known authority; `verify-full` the host's own name too. */
function tlsOptions({ sslMode }: DatabaseAddress, authorities: string | undefined): ConnectionOptions {
  const isVerified = sslMode === 'verify-ca' || sslMode === 'verify-full';
  return {
    rejectUnauthorized: isVerified,
    ...(authorities === undefined ? {} : { ca: authorities }),
    ...(sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
