/** One connection to a database that Holdfast works on, with errors of the catalogue. */
import { Client, type QueryResultRow } from 'pg';
import { classifyDriverError } from './classify-error.ts';
import { type ConnectOptions, type DatabaseAddress, driverConfig } from './database-address.ts';

export class DatabaseSession {
  readonly #client: Client;
  #isClosed = false;

  private constructor(client: Client) {
    this.#client = client;
    // A connection that breaks between two queries is reported by the next one.
    client.on('error', () => undefined);
  }

  /** @throws AppError CONNECTION_FAILED and others of classifyDriverError. */
  static async open(address: DatabaseAddress, options: ConnectOptions): Promise<DatabaseSession> {
    const client = new Client(driverConfig(address, options));
    const session = new DatabaseSession(client);
    try {
      await client.connect();
    } catch (error) {
      throw classifyDriverError(
        error,
        `Connecting to database "${address.database}" on ${address.host}:${address.port} failed`,
      );
    }
    return session;
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
