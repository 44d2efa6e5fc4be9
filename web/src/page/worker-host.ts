import { aborted, fromPlain, LinnetError, type PlainError, toLinnetError } from '../protocol/errors.ts';
import { ABORT_MS, SILENCE_MS, waitWhile } from './patience.ts';
import type { EngineInfo, FromWorker, ToWorker } from '../protocol/messages.ts';
import { abortable } from '../protocol/abortable.ts';
import { isIncomplete } from '../download/package-file.ts';
import { pause } from '../download/http.ts';
import { startWorker, watchWorker } from './worker-start.ts';

/** The task of a worker: to load a model, or to store one. */
export type WorkerTask = Extract<ToWorker, { type: 'load' | 'store' }>;
/** The result of a task. */
export type TaskResult = Extract<FromWorker, { type: 'loaded' | 'gpu-failed' | 'stored' }>;

/** Creates a worker, and reports errors of its script until it is ended. */
export type StartWorker = (onFault: (fault: LinnetError) => void, ended: AbortSignal) => Worker;

/**
 * How many milliseconds a worker may take to start; then another one is tried. On a slow network its script takes long.
 */
const START_MS = [15_000, 30_000, 60_000];
/** Milliseconds of rest before another worker is tried because a file of the package did not arrive whole. */
const PAUSE_MS = [200, 1000];

/** Workers that were aborted and may still hold a model's memory and its file. */
const leaving = new Set<Promise<void>>();

/** The page's side of one worker. */
export class WorkerHost {
  readonly #worker: Worker;
  readonly #life = new AbortController();
  #hasGone = () => {};
  readonly #gone = new Promise<void>((resolve) => (this.#hasGone = resolve));
  #ended: LinnetError | undefined;
  /** Called with the worker's messages. */
  onMessage: ((message: FromWorker) => void) | undefined;
  /** Called with the reason when the worker has ended. */
  onEnd: ((why: LinnetError) => void) | undefined;

  constructor(start: StartWorker = startWorker) {
    this.#worker = start((fault) => this.end(fault), this.#life.signal);
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (this.#ended) return;
      if (data.type === 'alive') void watchWorker(data.lock, (fault) => this.end(fault));
      else this.onMessage?.(data);
    };
  }

  /** The reason why the worker has ended, if it has. */
  get ended(): LinnetError | undefined {
    return this.#ended;
  }

  /**
   * Runs a task. Settles when it is done, when the worker has cleaned up after a failure, or as `silent` if the worker
   * has not started after that many milliseconds. An abort rejects within a second, even if the worker does not
   * respond; then the worker is ended a few seconds later.
   *
   * @param hear receives the messages until then
   */
  run(
    task: WorkerTask,
    hear: (message: FromWorker) => void,
    signal: AbortSignal | undefined,
    patience: number,
  ): Promise<TaskResult | 'silent'> {
    let begun = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let unlisten = () => {};
    return new Promise<TaskResult | 'silent'>((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer);
        // Before it has started it may not respond, and there is nothing to clean up.
        if (!begun) return this.end(aborted());
        this.post({ type: 'abort-load' });
        timer = setTimeout(() => reject(aborted()), ABORT_MS);
        leaving.add(this.#gone);
        void this.#gone.then(() => leaving.delete(this.#gone));
        void waitWhile((waited) => !this.#ended && waited < SILENCE_MS).then(() => this.end(aborted()));
      };
      this.onEnd = reject;
      this.onMessage = (message) => {
        if (message.type === 'load-failed') return this.end(fromPlain(message.error));
        if (message.type === 'loaded' || message.type === 'gpu-failed' || message.type === 'stored') {
          return signal?.aborted ? this.end(aborted()) : resolve(message);
        }
        if (message.type === 'begun') {
          begun = true;
          clearTimeout(timer);
        }
        if (!signal?.aborted) hear(message);
      };
      if (signal?.aborted) return this.end(aborted());
      timer = setTimeout(() => resolve('silent'), patience);
      signal?.addEventListener('abort', abort);
      unlisten = () => signal?.removeEventListener('abort', abort);
      this.post(task);
    })
      .catch((error: unknown) => {
        const fault = toLinnetError(error);
        // A worker that may still respond to the abort is ended later.
        if (!signal?.aborted) this.end(fault);
        throw fault;
      })
      .finally(() => {
        clearTimeout(timer);
        unlisten();
      });
  }

  /** Sends a message, which must consist of plain data and files. */
  post(message: ToWorker): void {
    if (!this.#ended) this.#worker.postMessage(message);
  }

  /** Ends the worker; pending tasks fail with the reason. */
  end(why: LinnetError): void {
    if (this.#ended) return;
    this.#ended = why;
    this.#worker.terminate();
    this.#life.abort();
    this.#hasGone();
    this.onEnd?.(why);
  }
}

/**
 * Runs a task in a new worker, once aborted workers have ended: a phone has no memory for two models.
 *
 * Tries again in another worker where that helps. Sometimes a worker hangs in Firefox (seen with 140) when it starts
 * its own threads, and never responds. And Chromium (156) breaks off scripts and modules that it is loading through a
 * service worker when it stops that, as it may after a page has been reloaded to become isolated.
 */
export async function runInWorker(
  task: WorkerTask,
  hear: (message: FromWorker) => void,
  signal: AbortSignal | undefined,
  start?: StartWorker,
): Promise<{ host: WorkerHost; result: TaskResult }> {
  const free = Promise.all(leaving);
  await (signal ? abortable(signal, free) : free).catch(() => {});
  for (const [attempt, patience] of START_MS.entries()) {
    if (signal?.aborted) throw aborted();
    const host = new WorkerHost(start);
    try {
      const result = await host.run(task, hear, signal, patience);
      if (result !== 'silent') return { host, result };
      host.end(aborted({ disposed: true }));
    } catch (error) {
      const rest = PAUSE_MS[attempt];
      if (rest === undefined || !isIncomplete(error)) throw error;
      await pause(rest, signal);
    }
  }
  const text = 'The worker did not start. Reload the page or restart the browser.';
  throw new LinnetError('internal', text, { worker: 'silent' });
}

/** A task that loads a model. */
export type LoadTask = Extract<WorkerTask, { type: 'load' }>;

/** A worker with a model in it. */
export interface LoadedWorker {
  host: WorkerHost;
  info: EngineInfo;
}

/** Loads on the requested backend. With `auto`, if the GPU fails, loads on the CPU in another worker. */
export async function loadInWorker(
  task: LoadTask,
  hear: (message: FromWorker) => void,
  signal: AbortSignal | undefined,
  start?: StartWorker,
): Promise<LoadedWorker> {
  const { host, result } = await runInWorker(task, hear, signal, start);
  if (result.type === 'loaded') return { host, info: result.info };
  host.end(aborted({ disposed: true }));
  if (result.type !== 'gpu-failed' || task.backend === 'cpu') {
    throw new LinnetError('internal', 'The worker did not load the model.');
  }
  // The CPU needs its own worker, to use the module with threads.
  const fallback: PlainError = result.error;
  const second = await loadInWorker({ ...task, backend: 'cpu' }, hear, signal, start);
  return { host: second.host, info: { ...second.info, fallback } };
}
