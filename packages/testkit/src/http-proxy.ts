/** An HTTP proxy in front of a server of the test that misbehaves where it is told to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

export type Fault =
  | { readonly kind: 'answer'; readonly status: number; readonly code: string }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Passes everything on, a piece at a time with pauses. */
  | { readonly kind: 'slow'; readonly pauseMs: number }
  /** Both connections break when so much of the request's, or the answer's, body has passed. */
  | { readonly kind: 'cutRequest' | 'cutAnswer'; readonly afterBytes: number }
  /** One bit of the answer's body is wrong. */
  | { readonly kind: 'flip'; readonly atByte: number }
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> };

export interface ProxiedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** How many requests came before it. */
  readonly index: number;
}

export class HttpProxy {
  /** Null for what is passed on as it is. */
  decide: (request: ProxiedRequest) => Fault | null = () => null;
  readonly seen: ProxiedRequest[] = [];
  readonly #upstream: URL;
  readonly #server: Server;

  private constructor(upstream: string) {
    this.#upstream = new URL(upstream);
    this.#server = createServer((incoming, answer) => {
      const { socket } = incoming;
      this.#handle(incoming, answer).catch(() => void socket.destroy());
    });
  }

  static async start(upstream: string): Promise<HttpProxy> {
    const proxy = new HttpProxy(upstream);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = incoming;
    const proxied = { method, path: url, index: this.seen.length };
    this.seen.push(proxied);
    const fault = this.decide(proxied);
    if (fault?.kind === 'answer') {
      await refuse(incoming, answer, fault);
      return;
    }
    if (fault?.kind === 'hang') {
      incoming.resume();
      return;
    }
    const { hostname, port } = this.#upstream;
    const outgoing = request({ hostname, port, method, path: url, headers: incoming.headers });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    // What fails first tells; the other then fails because of it.
    answered.catch(() => undefined);
    await pipeline(incoming, meddle(fault, 'cutRequest'), outgoing);
    const [upstream] = await answered;
    const changed = fault?.kind === 'headers' ? fault.headers : {};
    answer.writeHead(upstream.statusCode ?? 502, { ...upstream.headers, ...changed });
    await pipeline(upstream, meddle(fault, 'cutAnswer'), answer);
  }
}

function meddle(fault: Fault | null, cut: 'cutRequest' | 'cutAnswer') {
  return async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let passed = 0;
    for await (const chunk of chunks) {
      if (fault?.kind === cut && passed + chunk.length > fault.afterBytes) {
        yield chunk.subarray(0, Math.max(0, fault.afterBytes - passed));
        throw new Error('cut');
      }
      if (fault?.kind === 'slow') {
        await delay(fault.pauseMs);
      }
      if (
        fault?.kind === 'flip' &&
        cut === 'cutAnswer' &&
        fault.atByte >= passed &&
        fault.atByte < passed + chunk.length
      ) {
        chunk.writeUInt8(chunk.readUInt8(fault.atByte - passed) ^ 1, fault.atByte - passed);
      }
      passed += chunk.length;
      yield chunk;
    }
  };
}

async function refuse(
  incoming: IncomingMessage,
  answer: ServerResponse,
  { status, code }: Extract<Fault, { kind: 'answer' }>,
): Promise<void> {
  for await (const _chunk of incoming) {
    // Read to its end: an answer before that may never be seen.
  }
  const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>by the test</Message></Error>`;
  answer.writeHead(status, { 'content-type': 'application/xml', 'content-length': xml.length });
  answer.end(incoming.method === 'HEAD' ? undefined : xml);
}
