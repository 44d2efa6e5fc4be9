import type { LoadOptions } from './api.ts';
import { ChatCompletions, Completions } from './completions.ts';
import { aborted, fromPlain, LinnetError, type PlainError } from './errors.ts';
import { Inbox } from './inbox.ts';
import { type ModelSource, resolveModel } from './sources.ts';
import { askToPersist } from './persistence.ts';
import type { Answer, EngineInfo, FromWorker, LoadProgress, ToWorker } from './protocol.ts';
import type { GenerationEvent } from './wasm.ts';

/** A loaded model, ready to answer. Made by {@link Linnet.load}. */
export class Linnet {
  /** The OpenAI-shaped chat API. */
  readonly chat: { readonly completions: ChatCompletions };
  /** The OpenAI-shaped API for plain continuations. */
  readonly completions: Completions;
  readonly #host: WorkerHost;
  #info: EngineInfo;

  private constructor(host: WorkerHost, info: EngineInfo) {
    this.#host = host;
    this.#info = info;
    host.onChange = (info) => (this.#info = info);
    const generate = host.generate.bind(host);
    this.chat = { completions: new ChatCompletions(generate, info.model.name) };
    this.completions = new Completions(generate, info.model.name);
  }

  /**
   * Loads a model and makes it ready to answer.
   *
   * @param model an id of the package's list, a URL (relative ones are taken from the page), or a file that the person chose;
   *   for a split model the list of its parts, or the URL of one
   * @throws LinnetError in every case of failure; nothing is left running then
   */
  static async load(model: ModelSource, options: LoadOptions = {}): Promise<Linnet> {
    const { backend = 'auto', threads, contextLength, kvFormat, memoryLimit, storage, modelBase = [], onProgress, signal } = options;
    if (!['auto', 'webgpu', 'cpu'].includes(backend)) {
      throw new LinnetError('invalid-request', `There is no backend "${String(backend)}".`, { backend, known: ['auto', 'webgpu', 'cpu'] });
    }
    if (kvFormat !== undefined && !['f16', 'f32', 'q8_0'].includes(kvFormat)) {
      throw new LinnetError('invalid-request', `There is no KV cache format "${String(kvFormat)}".`, { kvFormat, known: ['f16', 'f32', 'q8_0'] });
    }
    if (storage !== undefined && !['auto', 'required', 'none'].includes(storage)) {
      throw new LinnetError('invalid-request', `There is no use of the storage called "${String(storage)}".`, { storage, known: ['auto', 'required', 'none'] });
    }
    checkCount('threads', threads);
    checkCount('contextLength', contextLength);
    checkCount('memoryLimit', memoryLimit);
    const bases = typeof modelBase === 'string' || modelBase instanceof URL ? [modelBase] : modelBase;
    const resolved = resolveModel(model, bases, globalThis.document?.baseURI ?? globalThis.location.href);
    if (signal?.aborted) throw aborted();

    const request: LoadMessage = { type: 'load', model: resolved, backend };
    if (threads !== undefined) request.threads = threads;
    if (contextLength !== undefined) request.contextLength = contextLength;
    if (kvFormat !== undefined) request.kvFormat = kvFormat;
    if (memoryLimit !== undefined) request.memoryLimit = memoryLimit;
    if (storage !== undefined) request.storage = storage;
    const host = new WorkerHost();
    const loaded = await host.load(request, onProgress, signal);
    if ('model' in loaded) return new Linnet(host, loaded);

    // The GPU failed. The CPU gets a worker of its own, so that it can have the module with threads.
    host.end(aborted({ disposed: true }));
    if (signal?.aborted) throw aborted();
    const second = new WorkerHost();
    const onCpu = await second.load({ ...request, backend: 'cpu' }, onProgress, signal);
    if (!('model' in onCpu)) throw new LinnetError('internal', 'The GPU failed where none was asked for.');
    return new Linnet(second, { ...onCpu, fallback: loaded });
  }

  /** What is loaded, and on what it runs. */
  info(): EngineInfo {
    return structuredClone(this.#info);
  }

  /** Frees the model's memory. What is being answered fails with `aborted`; the engine cannot be used again. */
  dispose(): void {
    this.#host.end(aborted({ disposed: true }));
  }
}

type LoadMessage = Extract<ToWorker, { type: 'load' }>;

/** The page's side of one worker. */
class WorkerHost {
  readonly #worker: Worker;
  readonly #inboxes = new Map<number, Inbox<Answer>>();
  #lastId = 0;
  #ended: LinnetError | undefined;
  #onLoading: ((message: Exclude<FromWorker, Answer>) => void) | undefined;
  #onEnd: ((why: LinnetError) => void) | undefined;
  /** Hears when the model is loaded again, because its GPU was lost. */
  onChange: ((info: EngineInfo) => void) | undefined;

  constructor() {
    // In this form bundlers find the worker and ship it along.
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'linnet' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'event' || data.type === 'error') this.#inboxes.get(data.id)?.put(data);
      else this.#onLoading?.(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      // Without a message it is the script itself that could not be fetched.
      const message = event.message || 'The worker script could not be loaded.';
      this.end(new LinnetError(event.message ? 'internal' : 'network', message, { script: event.filename }));
    };
  }

  /** Settles when the model is loaded, or when the worker has tidied up after a failure. With `auto` it may give why the GPU failed. */
  load(request: LoadMessage, onProgress: ((progress: LoadProgress) => void) | undefined, signal: AbortSignal | undefined): Promise<EngineInfo | PlainError> {
    const abort = () => this.#post({ type: 'abort-load' });
    let stores = request.storage !== 'none';
    const progressed = (progress: LoadProgress) => {
      if (stores && progress.phase === 'download') {
        stores = false;
        askToPersist();
      }
      onProgress?.(progress);
    };
    signal?.addEventListener('abort', abort);
    return new Promise<EngineInfo | PlainError>((resolve, reject) => {
      this.#onEnd = reject;
      this.#onLoading = (message) => {
        if (message.type === 'progress') progressed(message.progress);
        else if (message.type === 'loaded') resolve(message.info);
        else if (message.type === 'gpu-failed') resolve(message.error);
        else if (message.type === 'changed') this.onChange?.(message.info);
        else this.end(fromPlain(message.error));
      };
      this.#post(request);
    }).finally(() => signal?.removeEventListener('abort', abort));
  }

  async *generate(request: object, signal: AbortSignal | undefined): AsyncGenerator<GenerationEvent> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw aborted();
    const id = ++this.#lastId;
    const inbox = new Inbox<Answer>();
    const cancel = () => this.#post({ type: 'cancel', id });
    this.#inboxes.set(id, inbox);
    signal?.addEventListener('abort', cancel);
    let running = true;
    try {
      this.#post({ type: 'generate', id, request });
      for (;;) {
        const answer = await inbox.take();
        running = !isLast(answer);
        if (answer.type === 'error') throw fromPlain(answer.error);
        const { event } = answer;
        if (event.type !== 'done') {
          // What was on its way when the person said stop is not shown any more.
          if (!signal?.aborted) yield event;
          continue;
        }
        if (event.finish_reason === 'cancelled') throw aborted({ usage: event.usage, timings: event.timings });
        yield event;
        return;
      }
    } finally {
      signal?.removeEventListener('abort', cancel);
      if (running && !this.#ended) {
        // The caller left. Whoever comes next finds an engine that is at rest.
        cancel();
        while (!isLast(await inbox.take()));
      }
      this.#inboxes.delete(id);
    }
  }

  /** Ends the worker; everything that waits for it fails with the reason. */
  end(why: LinnetError): void {
    if (this.#ended) return;
    this.#ended = why;
    this.#worker.terminate();
    this.#onEnd?.(why);
    for (const [id, inbox] of this.#inboxes) {
      const { code, message, details } = why;
      inbox.put({ type: 'error', id, error: { code, message, details } });
    }
  }

  #post(message: ToWorker): void {
    if (!this.#ended) this.#worker.postMessage(message);
  }
}

function isLast(answer: Answer): boolean {
  return answer.type === 'error' || answer.event.type === 'done';
}

function checkCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return;
  throw new LinnetError('invalid-request', `${name} must be a whole number above 0.`, { [name]: value });
}
