/**
 * The Prompt API, as its specification has it (webmachinelearning/prompt-api), over Linnet: code that was written for a browser's
 * built-in model runs in any browser.
 */
import type { LoadOptions, ModelSource } from './index.ts';
import { CreateMonitor, DownloadProgress, EventHandler, KEY } from './prompt-api/events.ts';
import { destroyed, loadingException, notSupported, requireActiveDocument } from './prompt-api/exceptions.ts';
import { type ConvertedMessage, convertInput, validateInput } from './prompt-api/input.ts';
import type { LanguageModelExpected, LanguageModelInput, LanguageModelMessage } from './prompt-api/input.ts';
import { convertCoreOptions, convertCreateOptions, convertPromptOptions, convertSignal } from './prompt-api/options.ts';
import { type PromptOptions, refuseUnsupported, unsupported } from './prompt-api/options.ts';
import { type EngineProvider, type PromptEngine, providerOf } from './prompt-api/provider.ts';
import { type LanguageModelParams, PARAMS, readSampling, type Sampling, type SamplingMode } from './prompt-api/sampling.ts';
import { type AnswerPiece, Conversation, Session } from './prompt-api/session.ts';
import { answerStream, anyOf } from './prompt-api/stream.ts';
import { asInterface } from './prompt-api/webidl.ts';
import { abortable } from './protocol/abortable.ts';

export { CreateMonitor } from './prompt-api/events.ts';
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
  /** Must come with `topK`; the two replace `samplingMode`. */
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

/** The class that pages know as `LanguageModel`. Made by {@link languageModel}, or the default one of this module. */
export class LanguageModel extends EventTarget {
  /**
   * What loads the model; each class made by {@link languageModel} has its own.
   *
   * @internal
   */
  protected static provider: EngineProvider = providerOf();

  readonly #session: Session;
  readonly #provider: EngineProvider;
  readonly #destroyed = new AbortController();
  readonly #oncontextoverflow = new EventHandler<Event>(this, 'contextoverflow');
  readonly #onquotaoverflow = new EventHandler<Event>(this, 'quotaoverflow');

  /** @internal */
  constructor(key: unknown, provider: EngineProvider, engine: PromptEngine, conversation: Conversation, sampling: Sampling) {
    if (key !== KEY) throw new TypeError('Illegal constructor: LanguageModel.create() makes sessions.');
    super();
    this.#provider = provider;
    const overflow = () => {
      // The older name, and the newer one.
      for (const name of ['quotaoverflow', 'contextoverflow']) this.dispatchEvent(new Event(name));
    };
    this.#session = new Session(engine, conversation, sampling, overflow, () => provider.broken(engine));
  }

  /** Whether a session with those options can be made. */
  static async availability(options: LanguageModelCoreOptions = {}): Promise<Availability> {
    const core = convertCoreOptions(options);
    requireActiveDocument();
    const { provider } = this;
    if (unsupported(core, provider.languages)) return 'unavailable';
    try {
      readSampling(core);
    } catch {
      // What create() would refuse cannot be had.
      return 'unavailable';
    }
    return provider.availability();
  }

  /** The numbers that a session may be made with; `null` where none can be made. */
  static async params(): Promise<LanguageModelParams | null> {
    requireActiveDocument();
    return this.provider.supported ? { ...PARAMS } : null;
  }

  /**
   * Makes a session, and downloads the model if it is not there yet.
   *
   * @throws DOMException `NotSupportedError`, `NetworkError`, `OperationError`, `AbortError`; `QuotaExceededError` if the initial
   *   prompts are too long. TypeError and RangeError for options that make no sense
   */
  static async create(options: LanguageModelCreateOptions = {}): Promise<LanguageModel> {
    const { initialPrompts, monitor, signal: given, ...core } = convertCreateOptions(options);
    requireActiveDocument();
    const sampling = readSampling(core);
    const { messages: initial } = validateInput(initialPrompts);
    given?.throwIfAborted();
    const signal = given ?? new AbortController().signal;
    const watch = new CreateMonitor(KEY);
    monitor?.(watch);
    const { provider } = this;
    const progress = new DownloadProgress(watch, signal);

    const make = async (): Promise<LanguageModel> => {
      // Events come after create() has returned, each of them in a task of its own: an abort is heard in between.
      await task();
      const what = unsupported(core, provider.languages);
      if (what) throw notSupported(what);
      if (!provider.supported) throw notSupported('A language model');
      progress.begin();
      const engine = await provider.join(progress.tell, signal).catch((error: unknown) => {
        throw loadingException(error);
      });
      const model = new this(KEY, provider, engine, new Conversation(), sampling);
      // The session is tied to the signal for as long as it lives.
      const end = () => model.#end(signal.reason);
      signal.addEventListener('abort', end, { once: true, signal: model.#destroyed.signal });
      try {
        await task();
        progress.end();
        await task();
        signal.throwIfAborted();
        if (initial.length > 0) await model.#session.append(initial, model.#destroyed.signal, true);
        return model;
      } catch (error) {
        model.#end(error);
        throw error;
      }
    };
    return abortable(signal, make());
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
  /** `null` if the session was made with `temperature` and `topK`. */
  get samplingMode(): SamplingMode | null {
    return this.#session.sampling.mode;
  }

  /** Hears that the oldest exchanges were left out to make room. */
  get oncontextoverflow(): ((event: Event) => void) | null {
    return this.#oncontextoverflow.value;
  }
  set oncontextoverflow(handler: ((event: Event) => void) | null) {
    this.#oncontextoverflow.value = handler;
  }
  /** Hears of `contextoverflow` under its older name. */
  get onquotaoverflow(): ((event: Event) => void) | null {
    return this.#onquotaoverflow.value;
  }
  set onquotaoverflow(handler: ((event: Event) => void) | null) {
    this.#onquotaoverflow.value = handler;
  }

  /** Asks, and gives the whole answer. Requests are answered one after the other. */
  async prompt(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<string> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const asked = convertPromptOptions(options);
    const signal = this.#begin(asked.signal);
    const whole = async () => {
      let answer = '';
      for await (const { text, replaces } of this.#ask(messages, asked, signal)) answer = replaces ? text : answer + text;
      return answer;
    };
    return abortable(signal, whole());
  }

  /**
   * Asks, and gives the answer piece by piece. Cancelling the stream ends the answer.
   *
   * @throws at once, where other methods reject: TypeError for arguments of the wrong type, the reason of an aborted signal
   */
  promptStreaming(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): ReadableStream<string> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const asked = convertPromptOptions(options);
    return answerStream(this.#begin(asked.signal), (signal) => this.#ask(messages, asked, signal));
  }

  /** Adds messages without asking for an answer. */
  async append(input: LanguageModelInput, options: { signal?: AbortSignal } = {}): Promise<void> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const signal = this.#begin(convertSignal(options));
    return abortable(signal, this.#session.append(validateInput(messages).messages, signal));
  }

  /** How many tokens an input would take. */
  async measureContextUsage(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<number> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const asked = convertPromptOptions(options);
    refuseUnsupported(asked);
    const { messages: read } = validateInput(messages);
    const measured = read.length > 0 ? read : [{ role: 'user' as const, content: '' }];
    const signal = this.#begin(asked.signal);
    return abortable(signal, this.#session.measure(measured, signal));
  }

  /** The older name of `measureContextUsage`. */
  async measureInputUsage(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<number> {
    requireArgument(arguments);
    return this.measureContextUsage(input, options);
  }

  /** Another session that begins with all that was said in this one. */
  async clone(options: { signal?: AbortSignal } = {}): Promise<LanguageModel> {
    const signal = this.#begin(convertSignal(options));
    const { conversation, sampling } = this.#session;
    const engine = await this.#provider.join(() => undefined, signal).catch((error: unknown) => {
      throw loadingException(error);
    });
    return new (this.constructor as typeof LanguageModel)(KEY, this.#provider, engine, conversation.clone(), sampling);
  }

  /**
   * Ends the session: what is asked, and what will be, fails with `InvalidStateError`. The model's memory is given back some time
   * after the last session has ended.
   */
  destroy(): void {
    this.#end(destroyed());
  }

  #end(reason: unknown): void {
    if (this.#destroyed.signal.aborted) return;
    this.#destroyed.abort(reason);
    this.#provider.leave();
  }

  async *#ask(
    messages: readonly ConvertedMessage[],
    asked: PromptOptions,
    signal: AbortSignal,
  ): AsyncGenerator<AnswerPiece, void> {
    refuseUnsupported(asked);
    yield* this.#session.prompt(validateInput(messages), signal);
  }

  /** A signal that ends when the session does, or when the caller says so. Throws if either has. */
  #begin(signal: AbortSignal | undefined): AbortSignal {
    requireActiveDocument();
    const both = signal ? anyOf(this.#destroyed.signal, signal) : this.#destroyed.signal;
    both.throwIfAborted();
    return both;
  }
}
const STATICS = ['availability', 'create', 'params'] as const;
asInterface(LanguageModel, 'LanguageModel', STATICS);

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
  const made = class extends LanguageModel {
    protected static override provider = provider;
  };
  // A page may take them off the class, as it can with a browser's own.
  for (const name of STATICS) {
    Object.defineProperty(made, name, { value: LanguageModel[name].bind(made), configurable: true, writable: true });
  }
  asInterface(made, 'LanguageModel', STATICS);
  return made;
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
  const interfaces = { LanguageModel: languageModel(model, options), CreateMonitor };
  for (const [name, value] of Object.entries(interfaces)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return 'linnet';
}

/** Web IDL's check of a required argument; `undefined` is one. */
function requireArgument({ length }: ArrayLike<unknown>): void {
  if (length === 0) throw new TypeError('An input is required.');
}

/** A task of its own, after those that wait. */
function task(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
