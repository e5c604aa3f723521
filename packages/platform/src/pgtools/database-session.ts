/** One connection to a database that Holdfast works on, with errors of the catalogue. */
import { readFile } from 'node:fs/promises';
import { AppError } from '@holdfast/contracts/errors';
import { Client, type QueryResultRow } from 'pg';
import { systemClock } from '../clock.ts';
import { classifyDriverError } from './classify-error.ts';
import {
  type ConnectOptions,
  type DatabaseAddress,
  driverConfig,
  type TlsAttempt,
  tlsAttempts,
} from './database-address.ts';

export class DatabaseSession {
  readonly #client: Client;
  #isClosed = false;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @throws AppError CONNECTION_FAILED and others of classifyDriverError; INVALID_CONFIG for a certificate file that can't be read. */
  static async open(address: DatabaseAddress, options: ConnectOptions): Promise<DatabaseSession> {
    try {
      return new DatabaseSession(await connect(address, options));
    } catch (error) {
      throw classifyDriverError(
        error,
        `Connecting to database "${address.database}" on ${address.host}:${address.port} failed`,
      );
    }
  }

  async query<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    try {
      return (await this.#client.query<Row>(sql, [...values])).rows;
    } catch (error) {
      throw classifyDriverError(error, 'The database refused a query');
    }
  }

  /** The row of a query that always has exactly one. */
  async queryOne<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row> {
    const [row] = await this.query<Row>(sql, values);
    if (row === undefined) {
      throw new Error('a query that always has a row had none');
    }
    return row;
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      // The server may be gone already; there is nothing left to say to it.
      await this.#client.end().catch(() => undefined);
    }
  }
}

/** Tries what the address' sslMode allows, one after the other, within the one time limit. */
async function connect(address: DatabaseAddress, options: ConnectOptions): Promise<Client> {
  const attempts = tlsAttempts[address.sslMode];
  const authorities = attempts.includes('tls') ? await readAuthorities(address) : undefined;
  const startedMs = systemClock.monotonicMs();
  for (const [index, attempt] of attempts.entries()) {
    const leftMs = options.connectTimeoutMs - (systemClock.monotonicMs() - startedMs);
    const client = new Client(
      driverConfig(address, {
        ...options,
        connectTimeoutMs: Math.max(1, Math.round(leftMs)),
        attempt,
        ...(authorities === undefined ? {} : { authorities }),
      }),
    );
    // A connection that breaks between two queries is reported by the next one.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      // A client that did not connect may still hold a socket.
      await client.end().catch(() => undefined);
      const isOutOfTime = systemClock.monotonicMs() - startedMs >= options.connectTimeoutMs;
      if (index === attempts.length - 1 || isOutOfTime || !mayHelpOtherwise(error, attempt)) {
        throw error;
      }
    }
  }
  throw new Error('an sslMode without an attempt');
}

/** After TLS: a server without it, a handshake that failed, or a pg_hba.conf that wants it otherwise. After plain: the latter. */
function mayHelpOtherwise(error: unknown, attempt: TlsAttempt): boolean {
  const { code = '' } = error as { code?: string };
  const isRefusedByRules = code === '28000';
  const isSocketFailure =
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|EACCES)$/.test(code);
  const isServerAnswer = /^[0-9A-Z]{5}$/.test(code);
  return isRefusedByRules || (attempt === 'tls' && !isSocketFailure && !isServerAnswer);
}

async function readAuthorities({ sslRootCert }: DatabaseAddress): Promise<string | undefined> {
  if (sslRootCert === null) {
    return undefined;
  }
  try {
    return await readFile(sslRootCert, 'utf8');
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new AppError('INVALID_CONFIG', `The certificate file ${sslRootCert} cannot be read (${code}).`, {
      cause: error,
    });
  }
}

/** Opens, uses and always closes a session. */
export async function withDatabase<T>(
  address: DatabaseAddress,
  options: ConnectOptions,
  work: (session: DatabaseSession) => Promise<T>,
): Promise<T> {
  const session = await DatabaseSession.open(address, options);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}
