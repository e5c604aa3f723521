/** psql in the middle of a transaction that somebody else fills through a pipe: committed only by a word from here. */
import { closeSync, createWriteStream } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { AppError } from '@holdfast/contracts/errors';
import { openPipe } from '../process/open-pipe.ts';
import { type RunningTool, runTool, type ToolExit } from '../process/run-tool.ts';
import { classifyToolFailure } from './classify-error.ts';
import { psqlSessionCommand, type PsqlOptions } from './psql.ts';

export class OpenTransaction {
  /** What fills the transaction ends with this: psql answers with the transaction's number once everything before it has succeeded. */
  readonly question: string;
  readonly writeFd: number;
  readonly #psql: RunningTool;
  readonly #answer: Promise<string>;
  #isPipeOpen = true;

  private constructor(psql: RunningTool, writeFd: number) {
    const word = `holdfast-${randomBytes(16).toString('hex')}`;
    this.question = `SELECT '${word} ' || pg_current_xact_id();\n`;
    this.writeFd = writeFd;
    this.#psql = psql;
    this.#answer = new Promise((resolve) => {
      // Read to its end, or psql would stand still.
      createInterface({ input: psql.stdout }).on('line', (line) => {
        if (line.startsWith(`${word} `)) {
          resolve(line.slice(word.length + 1));
        }
      });
    });
  }

  static async start(options: PsqlOptions): Promise<OpenTransaction> {
    const pipe = await openPipe();
    const psql = await runTool(psqlSessionCommand(options, pipe.readFd))
      .catch((error: unknown) => {
        closeSync(pipe.writeFd);
        throw error;
      })
      .finally(() => closeSync(pipe.readFd));
    return new OpenTransaction(psql, pipe.writeFd);
  }

  /** Null while psql runs, or where it ended well. */
  async failure(): Promise<AppError | null> {
    const exit = await Promise.race([this.#psql.exited, Promise.resolve(null)]);
    return exit === null || exit.exitCode === 0 ? null : failureOf(exit);
  }

  /**
   * Waits for the answer to the question.
   * @returns the transaction's number, by which `pg_xact_status` tells its end
   * @throws AppError RESTORE_FAILED and what the server says
   */
  async ready(): Promise<string> {
    const answer = await Promise.race([this.#answer, this.#psql.exited]);
    if (typeof answer !== 'string') {
      throw failureOf(answer);
    }
    return answer;
  }

  /** @throws AppError where psql did not end well: then only the server knows */
  async commit(): Promise<void> {
    this.#isPipeOpen = false;
    await new Promise<void>((resolve, reject) => {
      const output = createWriteStream('', { fd: this.writeFd });
      output.on('error', reject);
      output.end('COMMIT;\n', resolve);
    }).catch(() => undefined); // Where nobody reads any more, psql has ended, and says why.
    const exit = await this.#psql.exited;
    if (exit.exitCode !== 0) {
      throw failureOf(exit);
    }
  }

  /** Whatever is not committed goes. Harmless twice. */
  async close(): Promise<void> {
    await this.#psql.end();
    if (this.#isPipeOpen) {
      this.#isPipeOpen = false;
      closeSync(this.writeFd);
    }
  }
}

function failureOf(exit: ToolExit): AppError {
  const outcome =
    exit.exitCode === null ? `was ended by ${exit.signal}` : `exited with status ${exit.exitCode}`;
  return classifyToolFailure(exit.program, outcome, exit.stderr, 'RESTORE_FAILED');
}
