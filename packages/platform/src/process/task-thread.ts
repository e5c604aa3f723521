/**
 * Named tasks in a thread of their own. What touches every byte runs there: its heap is small, so the collector, which walks
 * the whole heap each time some megabytes of buffers have come and gone, has little to walk; and the main thread stays free.
 */
import { parentPort, Worker } from 'node:worker_threads';
import { AppError, type ErrorCode, type FieldError } from '@holdfast/contracts/errors';

/** What a task is given beside its input. */
export interface TaskContext<Progress> {
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
}

/** Functions `(input, context: TaskContext<…>) => Promise`; input, progress and result are copied between threads: plain data only. */
export type TaskTable = Readonly<Record<string, (input: never, context: never) => Promise<unknown>>>;

type InputOf<Task> = Task extends (input: infer Input, context: never) => unknown ? Input : never;
type ResultOf<Task> = Task extends (...args: never[]) => Promise<infer Result> ? Result : never;
type ProgressOf<Task> = Task extends (input: never, context: TaskContext<infer Progress>) => unknown
  ? Progress
  : never;

interface Failure {
  readonly message: string;
  readonly stack: string | undefined;
  /** Of an AppError. */
  readonly known?: {
    readonly code: ErrorCode;
    readonly transient: boolean;
    readonly remediation: string;
    readonly fields: readonly FieldError[];
  };
}

type Request =
  | { readonly kind: 'start'; readonly id: number; readonly task: string; readonly input: unknown }
  | { readonly kind: 'abort'; readonly id: number };

type Reply =
  | { readonly kind: 'progress'; readonly id: number; readonly progress: unknown }
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: Failure };

interface Pending {
  readonly onProgress: (progress: never) => void;
  readonly settle: (reply: Exclude<Reply, { kind: 'progress' }>) => void;
}

export interface RunOptions<Progress> {
  /** Aborting it aborts the task; the call settles once the task has cleaned up. Without: it runs to its end. */
  readonly signal?: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const youngGenerationMb = 2;

export class TaskThread<Tasks extends TaskTable> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  /** `module` calls `serveTasks` with the same table. */
  constructor(module: URL) {
    this.#worker = new Worker(module, {
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
      // Ends of pipes are handed to threads, which then close them.
      trackUnmanagedFds: false,
    });
    this.#worker.on('message', (reply: Reply) => this.#receive(reply));
    this.#worker.on('error', (error) => this.#failAll(error));
    this.#worker.on('exit', () => this.#failAll(new Error('the thread ended')));
  }

  /** @throws what the task threw; the signal's reason where that came first */
  async run<Name extends keyof Tasks & string>(
    name: Name,
    input: InputOf<Tasks[Name]>,
    { signal, onProgress }: RunOptions<ProgressOf<Tasks[Name]>>,
  ): Promise<ResultOf<Tasks[Name]>> {
    signal?.throwIfAborted();
    this.#lastId += 1;
    const id = this.#lastId;
    const abort = (): void => this.#send({ kind: 'abort', id });
    const reply = await new Promise<Parameters<Pending['settle']>[0]>((settle) => {
      this.#pending.set(id, { onProgress, settle });
      signal?.addEventListener('abort', abort, { once: true });
      this.#send({ kind: 'start', id, task: name, input });
    });
    signal?.removeEventListener('abort', abort);
    signal?.throwIfAborted();
    if (reply.kind === 'failed') {
      throw errorFrom(reply.failure);
    }
    return reply.result as ResultOf<Tasks[Name]>;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(request: Request): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (reply.kind === 'progress') {
      pending?.onProgress(reply.progress as never);
      return;
    }
    this.#pending.delete(reply.id);
    pending?.settle(reply);
  }

  #failAll(error: Error): void {
    for (const [id, pending] of this.#pending) {
      pending.settle({ kind: 'failed', id, failure: failureFrom(error) });
    }
    this.#pending.clear();
  }
}

/** The thread's side: runs what it is asked to until it is terminated. */
export function serveTasks(tasks: TaskTable): void {
  const port = parentPort;
  if (port === null) {
    throw new Error('serveTasks belongs into a worker thread');
  }
  const running = new Map<number, AbortController>();
  const start = async ({ id, task, input }: Extract<Request, { kind: 'start' }>): Promise<Reply> => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const work = tasks[task];
      if (work === undefined) {
        throw new Error(`there is no task "${task}"`);
      }
      const context: TaskContext<unknown> = {
        signal: controller.signal,
        report: (progress) => port.postMessage({ kind: 'progress', id, progress } satisfies Reply),
      };
      const result = await work(input as never, context as never);
      return { kind: 'done', id, result };
    } catch (error) {
      return { kind: 'failed', id, failure: failureFrom(error) };
    } finally {
      running.delete(id);
    }
  };
  port.on('message', (request: Request) => {
    if (request.kind === 'abort') {
      running.get(request.id)?.abort();
    } else {
      void start(request).then((reply) => port.postMessage(reply));
    }
  });
}

function failureFrom(error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof AppError)) {
    return { message, stack };
  }
  const { code, transient, remediation, fields } = error;
  return { message, stack, known: { code, transient, remediation, fields } };
}

function errorFrom({ message, stack, known }: Failure): Error {
  const error = known === undefined ? new Error(message) : new AppError(known.code, message, known);
  if (stack !== undefined) {
    error.stack = stack;
  }
  return error;
}
