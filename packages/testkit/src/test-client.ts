/** A small client of the API for tests: it can also look at answers that are refusals. */
import type { CreateBackup } from '@holdfast/contracts/backups';
import type {
  ClientEvents,
  ServerEvents,
  SubscribeAnswer,
  SubscribeRequest,
} from '@holdfast/contracts/events';
import { io, type Socket } from 'socket.io-client';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface ProblemAnswer {
  readonly code: string;
  readonly detail: string;
  readonly remediation: string;
  readonly requestId: string;
  readonly errors?: { path: string; message: string }[];
}

export type ProgressSocket = Socket<ServerEvents, ClientEvents>;

const base = '/api/admin/backup-restore';

export class TestClient {
  readonly url: string;
  readonly token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  static async signIn(url: string, email: string, password: string): Promise<TestClient> {
    const client = new TestClient(url, '');
    const { body } = await client.send<{ token: string }>('POST', '/api/auth/login', {
      body: { email, password },
    });
    return new TestClient(url, body.token);
  }

  async send<T>(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const response = await fetch(
      `${this.url}${path.startsWith('/api') || path.startsWith('/health') ? path : `${base}${path}`}`,
      {
        method,
        headers: {
          ...(this.token === '' ? {} : { authorization: `Bearer ${this.token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      },
    );
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? null : JSON.parse(text)) as T,
    };
  }

  async get<T>(path: string): Promise<T> {
    return this.#good(await this.send<T>('GET', path), path);
  }

  async post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#good(await this.send<T>('POST', path, { body }), path);
  }

  async createBackup(input: Partial<CreateBackup> = {}): Promise<number> {
    return (await this.post<{ backupId: number }>('/backups', { displayName: 'Test', ...input })).backupId;
  }

  connect(token = this.token): ProgressSocket {
    return io(`${this.url}/progress`, {
      auth: { token },
      transports: ['websocket'],
      forceNew: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 100,
    });
  }

  async subscribe(socket: ProgressSocket, request: SubscribeRequest): Promise<SubscribeAnswer> {
    return await new Promise((resolve) => {
      socket.emit('subscribe', request, resolve);
    });
  }

  #good<T>(answer: Answer<T>, path: string): T {
    if (answer.status >= 400) {
      throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    return answer.body;
  }
}
