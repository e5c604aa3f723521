/** Where a database is and as whom to connect; how it reaches programs (environment) and the driver (config). */
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
    PGAPPNAME: options.applicationName,
    PGCONNECT_TIMEOUT: String(Math.max(2, Math.ceil(options.connectTimeoutMs / 1000))),
  };
}

/** `prefer` and `allow` try TLS first in libpq; the driver can't fall back, so they connect as the server allows. */
export function driverConfig(address: DatabaseAddress, options: ConnectOptions): ClientConfig {
  const verify = address.sslMode === 'verify-ca' || address.sslMode === 'verify-full';
  const config: ClientConfig = {
    host: address.host,
    port: address.port,
    database: address.database,
    user: address.user,
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    ssl: verify || address.sslMode === 'require' ? { rejectUnauthorized: verify } : false,
  };
  return address.password === null ? config : { ...config, password: address.password };
}
