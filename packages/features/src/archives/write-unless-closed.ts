/** Standard input of a program that may have had enough before its input ends. */
import { Writable } from 'node:stream';

/** A program that gave up reads no more; whoever feeds it still reads on to the end. */
export async function writeUnlessClosed(stdin: Writable, chunk: Buffer): Promise<void> {
  if (stdin.destroyed || !stdin.writable || stdin.write(chunk)) {
    return;
  }
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stdin.off('drain', done).off('close', done);
      resolve();
    };
    stdin.on('drain', done).on('close', done);
  });
}

/** Takes everything; what the program does not want any more goes nowhere. Its exit status tells whether it was content. */
export function untilClosed(stdin: Writable): Writable {
  // Only says that the program has closed its end.
  stdin.on('error', () => undefined);
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      writeUnlessClosed(stdin, chunk).then(() => done(), done);
    },
    final: (done) => {
      stdin.end();
      done();
    },
  });
}
