/** Calls the API and follows live progress, as any other client does. */
import type { ClientEvents, ServerEvents, SubscribeAnswer } from '@holdfast/contracts/events';
import { AppError, type ErrorCode } from '@holdfast/contracts/errors';
import type { LoginAnswer } from '@holdfast/contracts/auth';
import type { OperationProgress, OperationRef } from '@holdfast/contracts/operations';
import { io, type Socket } from 'socket.io-client';

export const apiBase = '/api/admin/backup-restore';
const endedStatuses = new Set(['completed', 'failed', 'cancelled']);
const lookEveryMs = 2_000;

export class ApiClient {
  readonly #url: string;
  readonly #token: string;

  private constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  static async signIn(url: string, credentials: { email: string; password: string }): Promise<ApiClient> {
    const answer = await request<LoginAnswer>(`${url}/api/auth/login`, {
      method: 'POST',
      body: credentials,
      token: null,
    });
    return new ApiClient(url, answer.token);
  }

  /** With a token of a sign-in. */
  static withToken(url: string, token: string): ApiClient {
    return new ApiClient(url, token);
  }

  async get<T>(path: string): Promise<T> {
    return await request<T>(`${this.#url}${path}`, { method: 'GET', token: this.#token });
  }

  async post<T>(path: string, body: unknown = {}): Promise<T> {
    return await request<T>(`${this.#url}${path}`, { method: 'POST', body, token: this.#token });
  }

  /** Live until the operation has ended. Events decorate; what ends the wait is the state that the API tells. */
  async follow(
    ref: OperationRef,
    onProgress: (progress: OperationProgress) => void,
    path = `${apiBase}/${ref.kind}s/${ref.id}/progress`,
  ): Promise<OperationProgress> {
    const socket: Socket<ServerEvents, ClientEvents> = io(`${this.#url}/progress`, {
      auth: { token: this.#token },
      transports: ['websocket'],
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<OperationProgress>((resolve, reject) => {
        const take = (progress: OperationProgress): void => {
          onProgress(progress);
          if (endedStatuses.has(progress.status)) {
            resolve(progress);
          }
        };
        socket.on('progress', take);
        // Again after each reconnect: rooms belong to a connection.
        socket.on('connect', () => {
          socket.emit('subscribe', ref, (answer: SubscribeAnswer) => {
            if (answer.ok && answer.state !== undefined && !Array.isArray(answer.state)) {
              take(answer.state);
            }
          });
        });
        timer = setInterval(() => this.get<OperationProgress>(path).then(take, reject), lookEveryMs);
      });
    } finally {
      clearInterval(timer);
      socket.disconnect();
    }
  }
}

interface RequestOptions {
  readonly method: 'GET' | 'POST';
  readonly body?: unknown;
  readonly token: string | null;
}

/** @throws AppError with the code and the remedy that the API answered */
async function request<T>(url: string, { method, body, token }: RequestOptions): Promise<T> {
  const response = await fetchOrExplain(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as unknown;
  if (!response.ok) {
    const problem = answer as { code: ErrorCode; detail: string; remediation: string };
    throw new AppError(problem.code, problem.detail, { remediation: problem.remediation });
  }
  return answer as T;
}

/** @throws AppError SERVICE_UNAVAILABLE where nobody answers */
async function fetchOrExplain(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    throw new AppError('SERVICE_UNAVAILABLE', `No Holdfast answers at ${new URL(url).origin}.`, {
      cause: error,
      remediation: 'Start it with ./holdfast up, or set HOLDFAST_URL to where it runs.',
    });
  }
}
