/** A client of downloads that tests hold by the hand: it looks at the head, takes as much as it likes, and goes. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

export interface RawDownload {
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  /** Nothing is read from the connection before it is asked for. */
  readonly message: IncomingMessage;
  /** The rest. @throws Error where the connection broke before the announced length */
  rest(): Promise<Buffer>;
  /** Breaks the connection off. */
  leave(): void;
}

export interface RawDownloadOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Record<string, string>;
  /** From which address of this machine. */
  readonly from?: string;
}

export async function download(url: string, options: RawDownloadOptions = {}): Promise<RawDownload> {
  const sent = request(url, {
    method: options.method ?? 'GET',
    headers: { 'user-agent': 'test', ...options.headers },
    agent: false,
    ...(options.from === undefined ? {} : { localAddress: options.from }),
  });
  sent.end();
  const [message] = (await once(sent, 'response')) as [IncomingMessage];
  sent.on('error', () => undefined); // Shown by what reads the answer.
  return {
    status: message.statusCode as number,
    headers: message.headers as Record<string, string | undefined>,
    message,
    leave: () => sent.destroy(),
    rest: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of message as AsyncIterable<Buffer>) {
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
  };
}
