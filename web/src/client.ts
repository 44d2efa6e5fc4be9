import type { CountRequest, LoadOptions, SuggestRequest, Suggestions } from './api.ts';
import { type Asking, ChatCompletions, Completions, type Generate } from './completions.ts';
import { aborted, fromPlain, LinnetError, type PlainError } from './errors.ts';
import { Inbox } from './inbox.ts';
import { attend, NO_MANNERS, type PageManners, readManners } from './manners.ts';
import { keepMeasured, recallMeasured } from './measured.ts';
import { bytesOf, models, type RecommendedSampling } from './models.ts';
import { askToPersist } from './persistence.ts';
import { PacedInbox } from './paced-inbox.ts';
import { type Answer, type Asked, type EngineEvent, type EngineInfo, type FromWorker, isLast, type LoadProgress, type ToWorker } from './protocol.ts';
import { readCount, readSuggest } from './request.ts';
import { type Recovered, riskOf, steppedDown } from './recovery.ts';
import { openRecovery, Risk } from './risk.ts';
import { type ModelSource, resolveModel } from './sources.ts';
import type { Counters } from './wasm.ts';
import { startWorker, watchWorker } from './worker-start.ts';

/** A loaded model, ready to answer. Made by {@link Linnet.load}. */
export class Linnet {
  /** The OpenAI-shaped chat API. */
  readonly chat: { readonly completions: ChatCompletions };
  /** The OpenAI-shaped API for plain continuations. */
  readonly completions: Completions;
  readonly #host: WorkerHost;
  /** What runs the model goes through this. */
  readonly #ask: Ask;
  /** What requests may call the model. */
  readonly #names: Set<string>;
  #info: EngineInfo;

  private constructor(host: WorkerHost, info: EngineInfo, risk: Risk | undefined, source: ModelSource) {
    this.#host = host;
    this.#names = new Set([info.model.name, ...calledAs(source)]);
    this.#info = info;
    host.onChange = (changed) => (this.#info = { ...changed, ...(info.recovered ? { recovered: info.recovered } : {}) });
    host.onCounters = (counters) => (this.#info = { ...this.#info, counters });
    this.#ask = firstAtRisk(host.ask.bind(host), risk);
    const generate = sampledAs(samplingOf(source), answersOf(this.#ask));
    this.chat = { completions: new ChatCompletions(generate, info.model.name, this.#names) };
    this.completions = new Completions(generate, info.model.name, this.#names);
  }

  /**
   * Loads a model and makes it ready to answer.
   *
   * @param model an id of the package's list, a URL (relative ones are taken from the page), or a file that the person chose;
   *   for a split model the list of its parts, or the URL of one
   * @throws LinnetError in every case of failure; nothing is left running then
   */
  static async load(model: ModelSource, options: LoadOptions = {}): Promise<Linnet> {
    const { backend = 'auto', threads, contextLength, kvFormat, memoryLimit, storage, recovery = 'auto', modelBase = [], onProgress, signal } = options;
    if (!['auto', 'webgpu', 'cpu'].includes(backend)) {
      throw new LinnetError('invalid-request', `There is no backend "${String(backend)}".`, { backend, known: ['auto', 'webgpu', 'cpu'] });
    }
    if (kvFormat !== undefined && !['f16', 'f32', 'q8_0'].includes(kvFormat)) {
      throw new LinnetError('invalid-request', `There is no KV cache format "${String(kvFormat)}".`, { kvFormat, known: ['f16', 'f32', 'q8_0'] });
    }
    if (storage !== undefined && !['auto', 'required', 'none'].includes(storage)) {
      throw new LinnetError('invalid-request', `There is no use of the storage called "${String(storage)}".`, { storage, known: ['auto', 'required', 'none'] });
    }
    if (!['auto', 'smaller-model', 'off'].includes(recovery)) {
      throw new LinnetError('invalid-request', `There is no recovery "${String(recovery)}".`, { recovery, known: ['auto', 'smaller-model', 'off'] });
    }
    const manners = { ...NO_MANNERS, ...readManners(options, { whenHidden: 'whenHidden', keepAwake: 'keepAwake', pace: 'pace' }) };
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
    const measured = storage === 'none' ? undefined : recallMeasured();
    if (measured !== undefined) request.measured = measured;

    const net = recovery === 'off' ? undefined : openRecovery();
    const word = riskOf(resolved);
    await net?.notice();
    const recovered = net?.stepFor(word, request);
    if (recovered?.step === 'smaller-model') return Linnet.#loadSmaller(model, options, recovered);
    if (recovered) Object.assign(request, steppedDown(request, recovered.step));
    const risk = net && new Risk(net, word);
    await risk?.enter('load');
    try {
      const { host, info } = await loadAnywhere(request, onProgress, signal);
      host.manners = manners;
      return new Linnet(host, recovered ? { ...info, recovered } : info, risk, model);
    } finally {
      risk?.leave();
    }
  }

  /** Another model in the place of one that pages died of time and again. */
  static async #loadSmaller(model: ModelSource, options: LoadOptions, recovered: Recovered): Promise<Linnet> {
    const smaller = smallerThan(model);
    if (options.recovery !== 'smaller-model' || !smaller) {
      const text = `The page has died ${recovered.crashes} times of this model: it seems to take more than this device has.`;
      throw new LinnetError('out-of-memory', text, { crashes: recovered.crashes, phase: recovered.phase, smaller: smaller ? { model: smaller } : null });
    }
    const linnet = await Linnet.load(smaller, options);
    linnet.#info = { ...linnet.#info, recovered: linnet.#info.recovered ?? recovered };
    // The site's requests go on naming the one that it asked for.
    for (const name of calledAs(model)) linnet.#names.add(name);
    return linnet;
  }

  /** Forgets that pages died of a model, or of any: the next load tries all that it is asked for. */
  static resetRecovery(model?: ModelSource): void {
    openRecovery()?.reset(model === undefined ? undefined : riskOf(resolveModel(model, [], globalThis.document.baseURI)));
  }

  /** What is loaded, and on what it runs. */
  info(): EngineInfo {
    return structuredClone(this.#info);
  }

  /**
   * How many tokens a prompt has: of messages with all that the model's template puts around them, as `usage.prompt_tokens` of their
   * answer says. The model is not run, and what is being answered goes on.
   *
   * @param request the messages, or the text (or token ids) of a continuation
   * @throws LinnetError `invalid-request`, `bad-template`
   */
  async countTokens(request: CountRequest): Promise<number> {
    for await (const event of this.#host.ask('count', readCount(request), {})) {
      if (event.type === 'counted') return event.tokens;
    }
    throw new LinnetError('internal', 'The engine counted no tokens.');
  }

  /**
   * Words that may come next while somebody types, the most likely first: of a word that has been begun, what it may become.
   * Requests are answered in turn; end one that is out of date by its `signal`.
   *
   * @throws LinnetError `invalid-request`, `context-full`, `aborted`
   */
  async suggest(request: SuggestRequest): Promise<Suggestions> {
    const { fields, signal } = readSuggest(request);
    for await (const event of this.#ask('suggest', fields, { signal })) {
      if (event.type !== 'words') continue;
      const { words, begun, tokens, ms } = event;
      return { words, begun, timings: { tokens, ms } };
    }
    throw new LinnetError('internal', 'The engine suggested nothing.');
  }

  /** Frees the model's memory. What is being answered fails with `aborted`; the engine cannot be used again. */
  dispose(): void {
    this.#host.end(aborted({ disposed: true }));
  }
}

/** Loads on the backend asked for; with `auto` on the CPU, and in another worker, where the GPU fails. */
async function loadAnywhere(request: LoadMessage, onProgress: LoadOptions['onProgress'], signal: AbortSignal | undefined): Promise<{ host: WorkerHost; info: EngineInfo }> {
  const { host, loaded } = await loadInWorker(request, onProgress, signal);
  if ('model' in loaded) return { host, info: loaded };

  // The GPU failed. The CPU gets a worker of its own, so that it can have the module with threads.
  host.end(aborted({ disposed: true }));
  if (signal?.aborted) throw aborted();
  const { host: second, loaded: onCpu } = await loadInWorker({ ...request, backend: 'cpu' }, onProgress, signal);
  if (!('model' in onCpu)) throw new LinnetError('internal', 'The GPU failed where none was asked for.');
  return { host: second, info: { ...onCpu, fallback: loaded } };
}

/** How long a worker may take until it begins, in milliseconds; then another one is tried. On a slow network its script takes long. */
const PATIENCE = [15_000, 30_000, 60_000];

/**
 * Loads in a worker that begins. Now and then Firefox (seen with 140) has a worker hang where it starts a thread of its own: then it
 * neither hears nor says anything, while another one works.
 */
async function loadInWorker(request: LoadMessage, onProgress: LoadOptions['onProgress'], signal: AbortSignal | undefined): Promise<{ host: WorkerHost; loaded: EngineInfo | PlainError }> {
  for (const patience of PATIENCE) {
    const host = new WorkerHost();
    const loaded = await host.load(request, onProgress, signal, patience);
    if (loaded !== 'silent') return { host, loaded };
    host.end(aborted({ disposed: true }));
    if (signal?.aborted) throw aborted();
  }
  throw new LinnetError('internal', 'The engine’s worker does not begin. Load the page again, or start the browser anew.', { worker: 'silent' });
}

/** Puts a request to an engine: what becomes of it, to its last event, or to what went wrong. Leaving it early cancels. */
type Ask = (what: Asked, request: object, asking: Asking) => AsyncGenerator<EngineEvent>;

/** The first answer is when all memory is taken for the first time, and when a driver sees all that it is asked to do. */
function firstAtRisk(ask: Ask, risk: Risk | undefined): Ask {
  let first = true;
  return async function* (...request) {
    if (!first || !risk) return yield* ask(...request);
    first = false;
    await risk.enter('first-answer');
    try {
      yield* ask(...request);
    } finally {
      risk.leave();
    }
  };
}

/** Answers, of what can be asked for. */
function answersOf(ask: Ask): Generate {
  return async function* (request, asking) {
    for await (const event of ask('generate', request, asking)) {
      if (event.type === 'prefill' || event.type === 'token' || event.type === 'done') yield event;
    }
  };
}

/** What a request leaves open is as the model's makers recommend. */
function sampledAs(sampling: RecommendedSampling | null, generate: Generate): Generate {
  return sampling ? (request, ...rest) => generate({ ...sampling, ...request }, ...rest) : generate;
}

/** What is recommended for a listed model, or for an entry of the site's own. */
function samplingOf(source: ModelSource): RecommendedSampling | null {
  const entry = typeof source === 'string' ? models.get(source) : source;
  return typeof entry === 'object' && 'id' in entry ? (entry.sampling ?? null) : null;
}

/** By which word of the caller's a model is known: an id, an address. A file has none. */
function calledAs(source: ModelSource): string[] {
  if (typeof source === 'string') return [source];
  if (source instanceof URL) return [source.href];
  return 'id' in source ? [source.id] : [];
}

/** The id of the largest listed model that is at most half as large: of a model of unknown size the smallest one. */
function smallerThan(source: ModelSource): string | undefined {
  const listed = typeof source === 'string' ? models.get(source) : undefined;
  const most = (listed && bytesOf(listed)) ?? Infinity;
  const sized = [...models].map((model) => ({ id: model.id, bytes: bytesOf(model) ?? Infinity })).sort((one, other) => one.bytes - other.bytes);
  return most === Infinity ? sized[0]?.id : sized.filter(({ bytes }) => bytes <= most / 2).at(-1)?.id;
}

type LoadMessage = Extract<ToWorker, { type: 'load' }>;

/** The page's side of one worker. */
class WorkerHost {
  readonly #worker: Worker;
  readonly #inboxes = new Map<number, Inbox<Answer>>();
  #lastId = 0;
  /** Requests that are answered or wait for that. */
  #answering = 0;
  #ended: LinnetError | undefined;
  #onLoading: ((message: Exclude<FromWorker, Answer>) => void) | undefined;
  #onEnd: ((why: LinnetError) => void) | undefined;
  /** Hears when the model is loaded again, because its GPU was lost. */
  onChange: ((info: EngineInfo) => void) | undefined;
  /** How it answers where a request says nothing else. */
  manners: PageManners = NO_MANNERS;
  /** Hears what an answer asked of the GPU. */
  onCounters: ((counters: Counters) => void) | undefined;

  constructor() {
    this.#worker = startWorker((fault) => this.end(fault));
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'event' || data.type === 'error') this.#inboxes.get(data.id)?.put(data);
      else if (data.type === 'alive') void watchWorker(data.lock, (fault) => this.end(fault));
      else this.#onLoading?.(data);
    };
  }

  /**
   * Settles when the model is loaded, when the worker has tidied up after a failure, or as `silent` when it has not begun after so many
   * milliseconds. With `auto` it may give why the GPU failed.
   */
  load(request: LoadMessage, onProgress: ((progress: LoadProgress) => void) | undefined, signal: AbortSignal | undefined, patience: number): Promise<EngineInfo | PlainError | 'silent'> {
    let silence: ReturnType<typeof setTimeout> | undefined;
    /** Gives up a worker that has not begun: it may hear nothing. */
    let giveUp: (() => void) | undefined;
    const hears = () => {
      clearTimeout(silence);
      giveUp = undefined;
    };
    const abort = () => (giveUp ? giveUp() : this.#post({ type: 'abort-load' }));
    const stores = request.storage !== 'none';
    let asks = stores;
    const progressed = (progress: LoadProgress) => {
      if (asks && progress.phase === 'download') {
        asks = false;
        askToPersist();
      }
      onProgress?.(progress);
    };
    signal?.addEventListener('abort', abort);
    return new Promise<EngineInfo | PlainError | 'silent'>((resolve, reject) => {
      giveUp = () => resolve('silent');
      silence = setTimeout(giveUp, patience);
      this.#onEnd = reject;
      this.#onLoading = (message) => {
        if (message.type === 'progress') progressed(message.progress);
        else if (message.type === 'begun') hears();
        else if (message.type === 'measured') stores && keepMeasured(message.found);
        else if (message.type === 'loaded') resolve(message.info);
        else if (message.type === 'gpu-failed') resolve(message.error);
        else if (message.type === 'changed') this.onChange?.(message.info);
        else if (message.type === 'load-failed') this.end(fromPlain(message.error));
      };
      this.#post(request);
    }).finally(() => {
      hears();
      signal?.removeEventListener('abort', abort);
    });
  }

  async *ask(what: Asked, request: object, { signal, busy = 'queue', paced = false, manners: asked }: Asking): AsyncGenerator<EngineEvent> {
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw aborted();
    if (busy === 'refuse' && this.#answering > 0) {
      throw new LinnetError('busy', 'The engine is answering another request.', { requests: this.#answering });
    }
    const id = ++this.#lastId;
    const inbox = paced ? new PacedInbox() : new Inbox<Answer>();
    const cancel = () => this.#post({ type: 'cancel', id });
    this.#inboxes.set(id, inbox);
    // Counting keeps nobody waiting.
    const answers = what === 'count' ? 0 : 1;
    this.#answering += answers;
    signal?.addEventListener('abort', cancel);
    let running = true;
    let leave: (() => void) | undefined;
    try {
      if (what === 'generate') {
        const manners = { ...this.manners, ...asked };
        this.#post({ type: what, id, request, pace: manners.pace });
        leave = attend(manners, (steering) => this.#post({ type: 'steer', id, ...steering }));
      } else {
        this.#post({ type: what, id, request });
      }
      for (;;) {
        const answer = await inbox.take();
        running = !isLast(answer);
        if (answer.type === 'error') throw fromPlain(answer.error);
        const { event } = answer;
        if (event.type === 'done' && event.counters) this.onCounters?.(event.counters);
        if ('finish_reason' in event && event.finish_reason === 'cancelled') {
          throw aborted(event.type === 'done' ? { usage: event.usage, timings: event.timings } : {});
        }
        // What was on its way when the person said stop is not shown any more.
        if (!running || !signal?.aborted) yield event;
        if (!running) return;
      }
    } finally {
      leave?.();
      signal?.removeEventListener('abort', cancel);
      if (running && !this.#ended) {
        // The caller left. Whoever comes next finds an engine that is at rest.
        cancel();
        while (!isLast(await inbox.take()));
      }
      this.#inboxes.delete(id);
      this.#answering -= answers;
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

function checkCount(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value > 0)) return;
  throw new LinnetError('invalid-request', `${name} must be a whole number above 0.`, { [name]: value });
}
