/** Sends a file's pieces as the body of an answer: two buffers in turn, never more in memory, and never a clean end to half of it. */
import type { ServerResponse } from 'node:http';
import type { PieceReader } from '../../storage/index.ts';

export interface SendOptions {
  readonly pieces: PieceReader;
  /** A client that takes no byte for so long is gone. */
  readonly idleMs: number;
}

/** The client has gone, or takes nothing any more. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';
}

/**
 * The headers have been written to `response`. Destroys the connection unless all was sent.
 * @throws ClientGoneError, or AppError where the source broke
 */
export async function sendPieces(response: ServerResponse, { pieces, idleMs }: SendOptions): Promise<void> {
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined); // Nobody may be waiting for it when it comes.
  const onClose = (): void => gone.reject(new ClientGoneError('the client has gone'));
  response.once('close', onClose);
  response.setTimeout(idleMs, () => response.destroy());
  try {
    let writing: Promise<void> = Promise.resolve();
    for (let piece = await pieces.next(); piece !== null; piece = await pieces.next()) {
      // The next piece was read into the other buffer while this one was on its way.
      await Promise.race([writing, gone.promise]);
      writing = write(response, piece);
      writing.catch(() => undefined);
    }
    await Promise.race([writing, gone.promise]);
    response.off('close', onClose);
    await new Promise<void>((resolve) => {
      response.once('close', resolve);
      response.end(resolve);
    });
  } catch (error) {
    response.destroy();
    throw error;
  }
}

/** Done when the kernel has it: the buffer may then be filled again. */
function write(response: ServerResponse, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(piece, (error) => {
      if (error == null) {
        resolve();
      } else {
        reject(new ClientGoneError('the connection broke', { cause: error }));
      }
    });
  });
}
