/**
 * An S3 server for tests: fauxqs, which has multipart uploads, copies, ranges and checksums of parts, and in front of it the two
 * things that it lacks and Amazon's has: `If-None-Match: *` on writes, and the list of multipart uploads under way.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { GetObjectCommand, paginateListObjectsV2, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { type FauxqsServer, startFauxqs } from 'fauxqs';

const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

/** What a process needs in its environment to use the server. */
export const s3Credentials = {
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
};

export class TestS3Server {
  readonly #fauxqs: FauxqsServer;
  readonly #front: Server;
  readonly #client: S3Client;
  /** Id to `bucket/key`. */
  readonly #uploads = new Map<string, string>();
  /** Conditional writes one after another, so that looking and writing are one step. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(fauxqs: FauxqsServer) {
    this.#fauxqs = fauxqs;
    this.#client = new S3Client({
      endpoint: `http://127.0.0.1:${fauxqs.port}`,
      region: 'us-east-1',
      credentials,
      forcePathStyle: true,
    });
    this.#front = createServer((incoming, answer) => {
      const { socket } = incoming;
      this.#handle(incoming, answer).catch(() => void socket.destroy());
    });
  }

  static async start(...buckets: string[]): Promise<TestS3Server> {
    const fauxqs = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
    const server = new TestS3Server(fauxqs);
    server.#front.listen(0, '127.0.0.1');
    await once(server.#front, 'listening');
    for (const bucket of buckets) {
      fauxqs.createBucket(bucket);
    }
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#front.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#client.destroy();
    this.#front.closeAllConnections();
    this.#front.close();
    await once(this.#front, 'close');
    await this.#fauxqs.stop();
  }

  empty(bucket: string): void {
    this.#fauxqs.emptyBucket(bucket);
    this.#uploads.clear();
  }

  async keys(bucket: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: this.#client },
      { Bucket: bucket },
    )) {
      keys.push(...Contents.map(({ Key = '' }) => Key));
    }
    return keys.sort();
  }

  /** Keys of multipart uploads that are neither completed nor aborted. */
  openUploads(bucket: string): string[] {
    return [...this.#uploads.values()]
      .filter((path) => path.startsWith(`${bucket}/`))
      .map((path) => path.slice(bucket.length + 1));
  }

  async read(bucket: string, key: string): Promise<Buffer> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from((await Body?.transformToByteArray()) ?? []);
  }

  async write(bucket: string, key: string, body: Buffer): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', this.url);
    const body = await buffer(incoming);
    if (incoming.method === 'GET' && url.searchParams.has('uploads')) {
      this.#listUploads(url, answer);
      return;
    }
    if (incoming.headers['if-none-match'] === '*' && incoming.method !== 'GET') {
      const turn = this.#turn.then(() => this.#writeOnce(incoming, answer, body));
      this.#turn = turn.catch(() => undefined);
      await turn;
      return;
    }
    await this.#forward(incoming, answer, body);
  }

  async #writeOnce(incoming: IncomingMessage, answer: ServerResponse, body: Buffer): Promise<void> {
    const { pathname } = new URL(incoming.url ?? '/', this.url);
    const existing = await fetch(`http://127.0.0.1:${this.#fauxqs.port}${pathname}`, { method: 'HEAD' });
    if (existing.ok) {
      sendXml(answer, 412, '<Error><Code>PreconditionFailed</Code><Message>it exists</Message></Error>');
      return;
    }
    await this.#forward(incoming, answer, body);
  }

  async #forward(incoming: IncomingMessage, answer: ServerResponse, body: Buffer): Promise<void> {
    const { method = 'GET', url = '/' } = incoming;
    const {
      connection: _hop,
      'transfer-encoding': _encoding,
      expect: _expect,
      ...headers
    } = incoming.headers;
    const response = await fetch(`http://127.0.0.1:${this.#fauxqs.port}${url}`, {
      method,
      headers: headers as Record<string, string>,
      ...(method === 'GET' || method === 'HEAD' || body.length === 0 ? {} : { body: new Uint8Array(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    this.#noteUpload(method, new URL(url, this.url), response.ok, bytes);
    const { connection: _back, 'keep-alive': _alive, ...answered } = Object.fromEntries(response.headers);
    answer.writeHead(response.status, answered);
    answer.end(bytes);
  }

  #noteUpload(method: string, url: URL, isOk: boolean, answer: Buffer): void {
    const id = url.searchParams.get('uploadId');
    if (!isOk) {
      return;
    }
    if (method === 'POST' && url.searchParams.has('uploads')) {
      const created = /<UploadId>([^<]+)</.exec(answer.toString())?.[1];
      this.#uploads.set(created as string, decodeURIComponent(url.pathname.slice(1)));
    } else if (id !== null && (method === 'POST' || method === 'DELETE')) {
      this.#uploads.delete(id);
    }
  }

  #listUploads(url: URL, answer: ServerResponse): void {
    const bucket = url.pathname.split('/')[1] as string;
    const prefix = `${bucket}/${url.searchParams.get('prefix') ?? ''}`;
    const uploads = [...this.#uploads]
      .filter(([, path]) => path.startsWith(prefix))
      .map(
        ([id, path]) =>
          `<Upload><Key>${path.slice(bucket.length + 1)}</Key><UploadId>${id}</UploadId></Upload>`,
      );
    const list = `<IsTruncated>false</IsTruncated>${uploads.join('')}`;
    sendXml(answer, 200, `<ListMultipartUploadsResult>${list}</ListMultipartUploadsResult>`);
  }
}

function sendXml(answer: ServerResponse, status: number, xml: string): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${xml}`;
  answer.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(text) });
  answer.end(text);
}
