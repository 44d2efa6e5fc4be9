/**
 * The Prompt API, as the public explainer has it (webmachinelearning/prompt-api), with Linnet behind it: code that was written for
 * a browser's built-in model runs in any browser.
 */
import type { ChatMessage } from './api.ts';
import type { LoadOptions, ModelSource } from './index.ts';
import { abortException, loadingException, notSupported } from './prompt-api/exceptions.ts';
import { foreignLanguage, isText, type LanguageModelExpected, type LanguageModelInput, type LanguageModelMessage, readInput } from './prompt-api/input.ts';
import { type EngineProvider, type PromptEngine, providerOf } from './prompt-api/provider.ts';
import { type LanguageModelParams, PARAMS, readSampling, type Sampling, type SamplingMode } from './prompt-api/sampling.ts';
import { type AnswerPiece, Conversation, Session } from './prompt-api/session.ts';

export type { QuotaExceededError } from './prompt-api/exceptions.ts';
export type { LanguageModelContent, LanguageModelExpected, LanguageModelInput, LanguageModelMessage, LanguageModelRole } from './prompt-api/input.ts';
export type { LanguageModelParams, SamplingMode } from './prompt-api/sampling.ts';

/** Whether a session can be made: at once, after a download (that may be under way), or not at all. */
export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available';

/** What a session is to be able to do, and how it is to choose its words. */
export interface LanguageModelCoreOptions {
  /** Only `text` is understood, in the languages that the list has for the model: those that it is best at. */
  expectedInputs?: readonly LanguageModelExpected[];
  expectedOutputs?: readonly LanguageModelExpected[];
  /** Tools are not supported. */
  tools?: readonly unknown[];
  /** Thinking before the answer. Not supported, but for `effort: 'none'`, which is the default. */
  thinking?: LanguageModelThinking;
  temperature?: number;
  topK?: number;
  samplingMode?: SamplingMode;
}

/** How much a model is to think before it answers, and whether the page is to see that. */
export interface LanguageModelThinking {
  effort?: string;
  includeThoughts?: boolean;
}

export interface LanguageModelCreateOptions extends LanguageModelCoreOptions {
  /** What the session begins with; it is never left out. */
  initialPrompts?: readonly LanguageModelMessage[];
  /** Gets an object that has `downloadprogress` events: `loaded` is from 0 to 1. */
  monitor?: (monitor: CreateMonitor) => void;
  /** Ends the making of the session, and later the session. */
  signal?: AbortSignal;
}

/** What a question may come with. */
export interface LanguageModelPromptOptions {
  signal?: AbortSignal;
  /** A schema or a regular expression for the answer. Not supported. */
  responseConstraint?: unknown;
  omitResponseConstraintInput?: boolean;
  /** Not supported, as in {@link LanguageModelCoreOptions}. */
  thinking?: LanguageModelThinking;
}

/** Tells how the download comes along. */
export class CreateMonitor extends EventTarget {
  /** Hears how much of the model has come. */
  ondownloadprogress: ((event: ProgressEvent) => void) | null = null;
}

/** Keeps the constructor to this module: sessions are made by `create()`. */
const KEY = Symbol('create');

/** The class that pages know as `LanguageModel`. Made by {@link languageModel}, or the default one of this module. */
export class LanguageModel extends EventTarget {
  /**
   * What loads the model; each class made by {@link languageModel} has its own.
   *
   * @internal
   */
  protected static provider: EngineProvider = providerOf();

  /** Hears of `contextoverflow` under its older name. */
  onquotaoverflow: ((event: Event) => void) | null = null;
  /** Hears that the oldest exchanges were left out to make room. */
  oncontextoverflow: ((event: Event) => void) | null = null;
  readonly #session: Session;
  readonly #provider: EngineProvider;
  readonly #destroyed = new AbortController();

  /** @internal */
  constructor(key: unknown, provider: EngineProvider, engine: PromptEngine, conversation: Conversation, sampling: Sampling) {
    if (key !== KEY) throw new TypeError('Illegal constructor: sessions are made by LanguageModel.create().');
    super();
    this.#provider = provider;
    const overflow = () => {
      // The older name, and the newer one.
      for (const name of ['quotaoverflow', 'contextoverflow'] as const) fire(this, new Event(name));
    };
    this.#session = new Session(engine, conversation, sampling, overflow, () => provider.broken(engine));
  }

  /** Whether a session with those options can be made. */
  static async availability(options: LanguageModelCoreOptions = {}): Promise<Availability> {
    readSampling(options);
    return unsupported(options, this.provider.languages) ? 'unavailable' : this.provider.availability();
  }

  /** The numbers that a session may be made with; `null` where none can be made. */
  static async params(): Promise<LanguageModelParams | null> {
    return this.provider.supported ? { ...PARAMS } : null;
  }

  /**
   * Makes a session, and downloads the model if it is not there yet.
   *
   * @throws DOMException `NotSupportedError`, `NetworkError`, `OperationError`, `AbortError`; `QuotaExceededError` if the initial
   *   prompts are too long. TypeError and RangeError for options that make no sense
   */
  static async create(options: LanguageModelCreateOptions = {}): Promise<LanguageModel> {
    const { initialPrompts = [], monitor, signal } = options;
    signal?.throwIfAborted();
    const sampling = readSampling(options);
    const initial = readInput(initialPrompts, true);
    const { provider } = this;
    const what = unsupported(options, provider.languages);
    if (what) throw notSupported(what);
    if (!provider.supported) throw notSupported('A language model');

    const watch = new CreateMonitor();
    monitor?.(watch);
    const tell = progressOf(watch);
    const stop = signal ?? new AbortController().signal;
    const engine = await provider.join(tell, stop).catch((error: unknown) => {
      throw loadingException(error);
    });
    tell(1);
    const model = new this(KEY, provider, engine, new Conversation(), sampling);
    signal?.addEventListener('abort', () => model.#end(signal.reason), { once: true });
    try {
      if (initial.length > 0) await model.#session.append(initial, model.#signal(signal), true);
    } catch (error) {
      model.destroy();
      throw error;
    }
    return model;
  }

  /** Tokens that the conversation has, and tokens that there is room for, all in all. */
  get contextUsage(): number {
    return this.#session.conversation.usage;
  }
  /** How many tokens the conversation may have. */
  get contextWindow(): number {
    return this.#session.quota;
  }
  /** The older name of `contextUsage`. */
  get inputUsage(): number {
    return this.contextUsage;
  }
  /** The older name of `contextWindow`. */
  get inputQuota(): number {
    return this.contextWindow;
  }
  /** How varied the answers are; 0 is the likeliest word always. */
  get temperature(): number {
    return this.#session.sampling.temperature;
  }
  /** Of how many words the next one is chosen. */
  get topK(): number {
    return this.#session.sampling.topK;
  }
  /** `null` if the session was made with `temperature` or `topK`. */
  get samplingMode(): SamplingMode | null {
    return this.#session.sampling.mode;
  }

  /** Asks, and gives the whole answer. Requests are answered one after the other. */
  async prompt(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<string> {
    let answer = '';
    for await (const { text, anew } of this.#ask(input, options)) answer = anew ? text : answer + text;
    return answer;
  }

  /** Asks, and gives the answer piece by piece. Cancelling the stream ends the answer. */
  promptStreaming(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): ReadableStream<string> {
    const left = new AbortController();
    const { signal } = options;
    const both = signal ? { ...options, signal: anyOf(signal, left.signal) } : { ...options, signal: left.signal };
    let pieces: AsyncGenerator<AnswerPiece, void> | undefined;
    const stream = new ReadableStream<string>({
      // The answer begins at once, not when it is first read.
      start: (controller) => {
        pieces = this.#ask(input, both);
        void (async () => {
          try {
            for await (const { text } of pieces) if (text) controller.enqueue(text);
            controller.close();
          } catch (error) {
            if (!left.signal.aborted) controller.error(error);
          }
        })();
      },
      cancel: () => left.abort(abortException()),
    });
    return iterable(stream);
  }

  /** Adds messages without asking for an answer. */
  async append(input: LanguageModelInput, options: { signal?: AbortSignal } = {}): Promise<void> {
    const messages = this.#read(input);
    await this.#session.append(messages, this.#signal(options.signal));
  }

  /** How many tokens an input would take. */
  async measureContextUsage(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<number> {
    refuseUnsupported(options);
    const messages = this.#read(input);
    return this.#session.measure(messages, this.#signal(options.signal));
  }

  /** The older name of `measureContextUsage`. */
  measureInputUsage(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<number> {
    return this.measureContextUsage(input, options);
  }

  /** Another session that begins with all that was said in this one. */
  async clone(options: { signal?: AbortSignal } = {}): Promise<LanguageModel> {
    const signal = this.#signal(options.signal);
    signal.throwIfAborted();
    const { conversation, sampling } = this.#session;
    const engine = await this.#provider.join(() => undefined, signal).catch((error: unknown) => {
      throw loadingException(error);
    });
    return new (this.constructor as typeof LanguageModel)(KEY, this.#provider, engine, conversation.clone(), sampling);
  }

  /** Ends the session: what is being answered fails with `AbortError`. The model's memory is given back some time after the last session has ended. */
  destroy(): void {
    this.#end(abortException());
  }

  #end(reason: unknown): void {
    if (this.#destroyed.signal.aborted) return;
    this.#destroyed.abort(reason);
    this.#provider.leave();
  }

  #ask(input: LanguageModelInput, options: LanguageModelPromptOptions): AsyncGenerator<AnswerPiece, void> {
    const failed = (error: unknown) =>
      (async function* (): AsyncGenerator<AnswerPiece, void> {
        throw error;
      })();
    try {
      refuseUnsupported(options);
      const messages = this.#read(input);
      // The specification takes an empty list for an empty question; after messages that were appended they are what is to be answered.
      if (messages.length === 0 && this.#session.conversation.isEmpty) messages.push({ role: 'user', content: '' });
      return this.#session.prompt(messages, this.#signal(options.signal));
    } catch (error) {
      return failed(error);
    }
  }

  #read(input: LanguageModelInput): ChatMessage[] {
    return readInput(input, this.#session.conversation.isEmpty);
  }

  /** Ends when the session does, or when the caller says so. */
  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal ? anyOf(this.#destroyed.signal, signal) : this.#destroyed.signal;
  }
}

/** A `LanguageModel` with a model and options of your own, as `Linnet.load` takes them. */
export function languageModel(model?: ModelSource, options: Omit<LoadOptions, 'onProgress' | 'signal'> = {}): typeof LanguageModel {
  return languageModelOf(providerOf(model, options));
}

/**
 * The same, with another source of engines: for tests, and for engines that are shared with other parts of a page.
 *
 * @internal
 */
export function languageModelOf(provider: EngineProvider): typeof LanguageModel {
  return class extends LanguageModel {
    protected static override provider = provider;
  };
}

/** How to install it. */
export interface InstallOptions extends Omit<LoadOptions, 'onProgress' | 'signal'> {
  /** The model, as `Linnet.load` takes it; the first of the list if there is none. */
  model?: ModelSource;
  /** Where the browser has a model of its own, or can download one, leave that as it is. */
  preferBuiltIn?: boolean;
}

/**
 * Makes `LanguageModel` known to the page, for code that expects it there.
 *
 * @returns which one the page has now
 */
export async function installLanguageModel({ model, preferBuiltIn = false, ...options }: InstallOptions = {}): Promise<'built-in' | 'linnet'> {
  const { LanguageModel: builtIn } = globalThis as { LanguageModel?: { availability?: () => Promise<string> } };
  if (preferBuiltIn && builtIn) {
    const availability = await Promise.resolve(builtIn.availability?.()).catch(() => undefined);
    if (availability && availability !== 'unavailable') return 'built-in';
  }
  Object.defineProperty(globalThis, 'LanguageModel', { value: languageModel(model, options), configurable: true, writable: true });
  return 'linnet';
}

/** What of the options is not supported; `undefined` if all is. */
function unsupported({ expectedInputs, expectedOutputs, tools, thinking }: LanguageModelCoreOptions, languages: readonly string[]): string | undefined {
  const foreign = [expectedInputs, expectedOutputs].map((expected) => foreignLanguage(expected, languages)).find(Boolean);
  if (!isText(expectedInputs)) return 'Input other than text';
  if (!isText(expectedOutputs)) return 'Output other than text';
  if (foreign) return `The language "${foreign}"`;
  if (thinks(thinking)) return 'Thinking';
  return tools?.length ? 'The use of tools' : undefined;
}

function thinks({ effort = 'none', includeThoughts = false }: LanguageModelThinking = {}): boolean {
  return effort !== 'none' || includeThoughts;
}

function refuseUnsupported({ responseConstraint, omitResponseConstraintInput, thinking }: LanguageModelPromptOptions): void {
  if (thinks(thinking)) throw notSupported('Thinking');
  if (responseConstraint !== undefined && responseConstraint !== null) {
    if (typeof responseConstraint !== 'object') throw new TypeError('responseConstraint must be a JSON schema or a regular expression.');
    throw notSupported('A constraint of the answer');
  }
  if (omitResponseConstraintInput) throw new TypeError('omitResponseConstraintInput is of no use without responseConstraint.');
}

/** Fires `downloadprogress` as the specification has it: from 0 to 1, and never back. */
function progressOf(monitor: CreateMonitor): (loaded: number) => void {
  let last = -1;
  return (loaded) => {
    if (loaded <= last) return;
    // It begins with 0 and ends with 1, also where nothing is downloaded.
    if (last < 0 && loaded > 0) fire(monitor, new ProgressEvent('downloadprogress', { loaded: 0, total: 1, lengthComputable: true }));
    last = loaded;
    fire(monitor, new ProgressEvent('downloadprogress', { loaded, total: 1, lengthComputable: true }));
  };
}

/** Dispatches an event, to its `on…` handler, too. */
function fire(target: EventTarget, event: Event): void {
  const handler: unknown = Reflect.get(target, `on${event.type}`);
  if (typeof handler === 'function') handler.call(target, event);
  target.dispatchEvent(event);
}

/** Lets `for await` read the stream also in browsers that cannot do that (Safari), since that is how a page reads an answer. */
function iterable<T>(stream: ReadableStream<T>): ReadableStream<T> {
  if (Symbol.asyncIterator in stream) return stream;
  const read = async function* (this: ReadableStream<T>): AsyncGenerator<T, void> {
    const reader = this.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
    } finally {
      // Who leaves the loop wants no more of it; after the end, or a failure, this does nothing.
      await reader.cancel().catch(() => {});
      reader.releaseLock();
    }
  };
  return Object.defineProperty(stream, Symbol.asyncIterator, { value: read, configurable: true, writable: true }) as ReadableStream<T>;
}

/** `AbortSignal.any`, which browsers of before 2024 do not have. */
function anyOf(...signals: AbortSignal[]): AbortSignal {
  const any = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) any.abort(signal.reason);
    else signal.addEventListener('abort', () => any.abort(signal.reason), { once: true, signal: any.signal });
  }
  return any.signal;
}
