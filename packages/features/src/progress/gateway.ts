/** Socket.IO: what workers publish on Redis reaches the subscribers of every API process. */
import type { Server as HttpServer } from 'node:http';
import type {
  ClientEvents,
  OperationEvent,
  ServerEvents,
  SubscribeAnswer,
  SubscribeRequest,
} from '@holdfast/contracts/events';
import { AppError } from '@holdfast/contracts/errors';
import {
  type OperationKind,
  operationKinds,
  type OperationProgress,
  type OperationRef,
} from '@holdfast/contracts/operations';
import type { Logger } from '@holdfast/platform/logger';
import type { RedisKeys } from '@holdfast/platform/queue/keys';
import type { Redis } from 'ioredis';
import { type Namespace, Server, type Socket } from 'socket.io';

export interface GatewayDeps {
  readonly httpServer: HttpServer;
  /** A connection of its own: one that subscribes can do nothing else. */
  readonly subscriber: Redis;
  readonly keys: RedisKeys;
  readonly logger: Logger;
  /** The token of a handshake; null where there is none. Throws AppError where it is not good. */
  readonly mayRead: (token: string) => Promise<boolean>;
  readonly cookieName: string;
  readonly readState: (ref: OperationRef) => Promise<OperationProgress>;
  readonly readActive: () => Promise<OperationProgress[]>;
  /** How often the right of every connected client is checked again. */
  readonly recheckMs: number;
}

type ProgressNamespace = Namespace<ClientEvents, ServerEvents>;
type ProgressSocket = Socket<ClientEvents, ServerEvents>;

export interface Gateway {
  close(): Promise<void>;
}

export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const io = new Server(deps.httpServer, { serveClient: false, maxHttpBufferSize: 16 * 1024 });
  const namespace: ProgressNamespace = io.of('/progress');
  namespace.use((socket, next) => {
    admit(deps, socket).then(
      () => next(),
      (error: unknown) => next(Object.assign(new Error(codeOf(error)), { data: { code: codeOf(error) } })),
    );
  });
  namespace.on('connection', (socket) => serve(deps, socket));
  const recheck = setInterval(() => dropUnentitled(deps, namespace), deps.recheckMs);
  await forward(deps, namespace);
  return {
    close: async () => {
      clearInterval(recheck);
      await io.close();
    },
  };
}

async function forward(
  { subscriber, keys, logger }: GatewayDeps,
  namespace: ProgressNamespace,
): Promise<void> {
  const progressChannel = keys.channel('progress');
  const operationChannel = keys.channel('operation');
  subscriber.on('message', (channel: string, text: string) => {
    if (channel === progressChannel) {
      const progress = JSON.parse(text) as OperationProgress;
      // One emit to the union of both rooms: a client in both hears it once.
      namespace.to([roomOf(progress), 'operations']).emit('progress', progress);
    } else if (channel === operationChannel) {
      const event = JSON.parse(text) as OperationEvent;
      namespace.to([roomOf(event), 'operations']).emit('operation', event);
    }
  });
  // With Redis away it is subscribed as soon as Redis is back; the API serves meanwhile.
  subscriber
    .subscribe(progressChannel, operationChannel)
    .catch((error: unknown) => logger.warn({ error }, 'subscribing failed'));
}

function serve(deps: GatewayDeps, socket: ProgressSocket): void {
  socket.on('subscribe', (request, answer) => {
    subscribe(deps, socket, request).then(
      (state) => reply(answer, { ok: true, state }),
      (error: unknown) => reply(answer, { ok: false, code: codeOf(error) }),
    );
  });
  socket.on('unsubscribe', (request, answer) => {
    const room = parseRequest(request);
    const done = room === null ? undefined : socket.leave(room === 'operations' ? room : roomOf(room));
    Promise.resolve(done).then(
      () => reply(answer, room === null ? { ok: false, code: 'VALIDATION_FAILED' } : { ok: true }),
      () => undefined,
    );
  });
}

function reply(answer: unknown, message: SubscribeAnswer): void {
  if (typeof answer === 'function') {
    (answer as (message: SubscribeAnswer) => void)(message);
  }
}

async function subscribe(
  deps: GatewayDeps,
  socket: ProgressSocket,
  request: unknown,
): Promise<OperationProgress | OperationProgress[]> {
  const room = parseRequest(request);
  if (room === null) {
    throw new AppError('VALIDATION_FAILED', 'subscribe takes {kind, id}.');
  }
  await admit(deps, socket);
  if (room === 'operations') {
    await socket.join(room);
    return await deps.readActive();
  }
  // Joined before the state is read: what is published in between arrives as an event, and older ones are known by their seq.
  await socket.join(roomOf(room));
  try {
    return await deps.readState(room);
  } catch (error) {
    await socket.leave(roomOf(room));
    throw error;
  }
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const idPatterns = {
  backup: /^[1-9]\d{0,8}$/,
  drill: uuidPattern,
  verify: uuidPattern,
  rebuild: uuidPattern,
  restore: uuidPattern,
  rollback: uuidPattern,
  copy: uuidPattern,
} as const satisfies Record<OperationKind, RegExp>;

/** What may be subscribed to; null for anything else a client may send. */
function parseRequest(request: unknown): OperationRef | 'operations' | null {
  const { kind, id } = (
    typeof request === 'object' && request !== null ? request : {}
  ) as Partial<SubscribeRequest>;
  if (kind === 'operations') {
    return kind;
  }
  if (
    isOperationKind(kind) &&
    (typeof id === 'string' || typeof id === 'number') &&
    idPatterns[kind].test(String(id))
  ) {
    return { kind, id: String(id) };
  }
  return null;
}

function isOperationKind(kind: unknown): kind is OperationKind {
  return operationKinds.includes(kind as OperationKind);
}

function roomOf({ kind, id }: OperationRef): string {
  return `${kind}:${id}`;
}

/** @throws AppError UNAUTHENTICATED or FORBIDDEN */
async function admit({ mayRead, cookieName }: GatewayDeps, socket: ProgressSocket): Promise<void> {
  const token = tokenOf(socket, cookieName);
  if (token === null) {
    throw new AppError('UNAUTHENTICATED', 'A token is required.');
  }
  if (!(await mayRead(token))) {
    throw new AppError('FORBIDDEN', 'Your role does not allow this.');
  }
}

function tokenOf(socket: ProgressSocket, cookieName: string): string | null {
  const { token } = socket.handshake.auth as { token?: unknown };
  if (typeof token === 'string' && token !== '') {
    return token;
  }
  const cookie = socket.handshake.headers.cookie
    ?.split(/; */)
    .find((part) => part.startsWith(`${cookieName}=`));
  return cookie === undefined ? null : decodeURIComponent(cookie.slice(cookieName.length + 1));
}

function dropUnentitled(deps: GatewayDeps, namespace: ProgressNamespace): void {
  for (const socket of namespace.sockets.values()) {
    admit(deps, socket).catch((error: unknown) => {
      const code = codeOf(error);
      // A database that is away says nothing about anybody's rights.
      if (code === 'UNAUTHENTICATED' || code === 'FORBIDDEN') {
        socket.disconnect(true);
      }
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof AppError ? error.code : 'INTERNAL';
}
