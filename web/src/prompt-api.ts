/**
 * The Prompt API (webmachinelearning/prompt-api) on top of Linnet: code written for a browser's built-in model runs in
 * any browser.
 */
import type { LoadOptions, ModelSource } from './index.ts';
import { formOf } from './prompt-api/constraint.ts';
import { Conversation } from './prompt-api/conversation.ts';
import { CreateMonitor, DownloadProgress, EventHandler, KEY } from './prompt-api/events.ts';
import { destroyed, loadingException, notSupported, requireActiveDocument } from './prompt-api/exceptions.ts';
import { type ConvertedMessage, convertInput, type ValidInput, validateInput } from './prompt-api/input.ts';
import type { LanguageModelInput, LanguageModelOutput } from './prompt-api/input.ts';
import {
  type CoreOptions,
  convertCoreOptions,
  convertCreateOptions,
  convertPromptOptions,
  convertSignal,
} from './prompt-api/options.ts';
import { type PromptOptions, refuseUnsupported, returnsCalls, unsupported } from './prompt-api/options.ts';
import { type EngineProvider, type PromptEngine, providerOf } from './prompt-api/provider.ts';
import { type LanguageModelParams, PARAMS, readSampling, type SamplingMode } from './prompt-api/sampling.ts';
import { Session, type SessionSetup } from './prompt-api/session.ts';
import { answerStream, anyOf } from './prompt-api/stream.ts';
import { TOOL_INTERFACES } from './prompt-api/tool-values.ts';
import { validateTools } from './prompt-api/tools.ts';
import type {
  Availability,
  LanguageModelAnswer,
  LanguageModelCoreOptions,
  LanguageModelCreateOptions,
  LanguageModelPromptOptions,
} from './prompt-api/types.ts';
import { asInterface } from './prompt-api/webidl.ts';
import { abortable } from './protocol/abortable.ts';

export { CreateMonitor } from './prompt-api/events.ts';
export type { QuotaExceededError } from './prompt-api/exceptions.ts';
export type {
  LanguageModelContent,
  LanguageModelExpected,
  LanguageModelInput,
  LanguageModelMessage,
  LanguageModelOutput,
  LanguageModelRole,
} from './prompt-api/input.ts';
export type { LanguageModelParams, SamplingMode } from './prompt-api/sampling.ts';
export { LanguageModelToolCall, LanguageModelToolError, LanguageModelToolSuccess } from './prompt-api/tool-values.ts';
export type { LanguageModelToolResultContent } from './prompt-api/tool-values.ts';
export type { LanguageModelTool } from './prompt-api/tools.ts';
export type * from './prompt-api/types.ts';

/** The class `LanguageModel`, made by {@link languageModel}, or this module's default. */
export class LanguageModel extends EventTarget {
  /**
   * Loads the model; each class made by {@link languageModel} has its own.
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
  constructor(
    key: unknown,
    provider: EngineProvider,
    engine: PromptEngine,
    conversation: Conversation,
    setup: SessionSetup,
  ) {
    if (key !== KEY) throw new TypeError('Illegal constructor: LanguageModel.create() creates sessions.');
    super();
    this.#provider = provider;
    const overflow = () => {
      // The older and the newer name.
      for (const name of ['quotaoverflow', 'contextoverflow']) this.dispatchEvent(new Event(name));
    };
    this.#session = new Session(engine, conversation, setup, overflow, () => provider.broken(engine));
  }

  /** Whether a session with these options can be created. */
  static async availability(options: LanguageModelCoreOptions = {}): Promise<Availability> {
    const core = convertCoreOptions(options);
    requireActiveDocument();
    const { provider } = this;
    if (unsupported(core, provider.languages)) return 'unavailable';
    try {
      setupOf(core);
    } catch {
      // create() would reject these options.
      return 'unavailable';
    }
    return provider.availability();
  }

  /** The sampling parameters that a session accepts; `null` if no session can be created. */
  static async params(): Promise<LanguageModelParams | null> {
    requireActiveDocument();
    return this.provider.supported ? { ...PARAMS } : null;
  }

  /**
   * Creates a session, and downloads the model if it is not stored yet.
   *
   * @throws DOMException `NotSupportedError`, `NetworkError`, `OperationError`, `AbortError`; `QuotaExceededError` if
   * the initial prompts are too long. TypeError and RangeError for invalid options
   */
  static async create(options: LanguageModelCreateOptions = {}): Promise<LanguageModel> {
    const { initialPrompts, monitor, signal: given, ...core } = convertCreateOptions(options);
    requireActiveDocument();
    const setup = setupOf(core);
    const { messages: initial } = validateInput(initialPrompts, setup.expectedInputs);
    given?.throwIfAborted();
    const signal = given ?? new AbortController().signal;
    const watch = new CreateMonitor(KEY);
    monitor?.(watch);
    const { provider } = this;
    const progress = new DownloadProgress(watch, signal);

    const make = async (): Promise<LanguageModel> => {
      // Events are fired after create() has returned, each in its own task, so that an abort in between is seen.
      await task();
      const what = unsupported(core, provider.languages);
      if (what) throw notSupported(what);
      if (!provider.supported) throw notSupported('A language model');
      progress.begin();
      const engine = await provider.join(progress.tell, signal).catch((error: unknown) => {
        throw loadingException(error);
      });
      const model = new this(KEY, provider, engine, new Conversation(), setup);
      // The session ends with the signal.
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

  /** Tokens of the conversation, and the size of the context. */
  get contextUsage(): number {
    return this.#session.conversation.usage;
  }
  /** The size of the context, in tokens. */
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
  /** Sampling temperature; 0 always takes the most likely token. */
  get temperature(): number {
    return this.#session.setup.sampling.temperature;
  }
  /** The number of most likely tokens to sample from. */
  get topK(): number {
    return this.#session.setup.sampling.topK;
  }
  /** `null` if the session was created with `temperature` and `topK`. */
  get samplingMode(): SamplingMode | null {
    return this.#session.setup.sampling.mode;
  }

  /** Called when the oldest exchanges were left out to make room. */
  get oncontextoverflow(): ((event: Event) => void) | null {
    return this.#oncontextoverflow.value;
  }
  set oncontextoverflow(handler: ((event: Event) => void) | null) {
    this.#oncontextoverflow.value = handler;
  }
  /** The older name of `oncontextoverflow`. */
  get onquotaoverflow(): ((event: Event) => void) | null {
    return this.#onquotaoverflow.value;
  }
  set onquotaoverflow(handler: ((event: Event) => void) | null) {
    this.#onquotaoverflow.value = handler;
  }

  /**
   * Sends a prompt and resolves with the whole answer. Prompts are answered one after the other.
   *
   * @typeParam T `string`, or the parts of an answer if the session was created with `tool-call` in `expectedOutputs`
   */
  async prompt<T extends LanguageModelAnswer = string>(
    input: LanguageModelInput,
    options: LanguageModelPromptOptions = {},
  ): Promise<T> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const asked = convertPromptOptions(options);
    const signal = this.#begin(asked.signal);
    const whole = async () => {
      let text = '';
      const calls: LanguageModelOutput[] = [];
      for await (const part of this.#ask(messages, asked, signal)) {
        if (part.type === 'text') text += part.value;
        else calls.push(part);
      }
      if (!this.#session.setup.returnsCalls) return text as T;
      return [...(text || calls.length === 0 ? [{ type: 'text', value: text }] : []), ...calls] as T;
    };
    return abortable(signal, whole());
  }

  /**
   * Sends a prompt and returns the answer as a stream. Cancelling the stream ends the answer.
   *
   * @typeParam T `string`, or a part of an answer, as with {@link LanguageModel.prompt}
   * @throws synchronously, where other methods reject: TypeError for arguments of the wrong type, the reason of an
   * aborted signal
   */
  promptStreaming<T extends string | LanguageModelOutput = string>(
    input: LanguageModelInput,
    options: LanguageModelPromptOptions = {},
  ): ReadableStream<T> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const asked = convertPromptOptions(options);
    const ask = async function* (this: LanguageModel, signal: AbortSignal) {
      const { returnsCalls } = this.#session.setup;
      for await (const part of this.#ask(messages, asked, signal)) yield (returnsCalls ? part : part.value) as T;
    };
    return answerStream(this.#begin(asked.signal), ask.bind(this));
  }

  /** Adds messages without asking for an answer. */
  async append(input: LanguageModelInput, options: { signal?: AbortSignal } = {}): Promise<void> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const signal = this.#begin(convertSignal(options));
    return abortable(signal, this.#session.append(this.#validate(messages).messages, signal));
  }

  /** Counts the tokens that an input would add. */
  async measureContextUsage(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<number> {
    requireArgument(arguments);
    const messages = convertInput(input);
    const asked = convertPromptOptions(options);
    refuseUnsupported(asked);
    const form = formOf(asked);
    const { messages: read } = this.#validate(messages);
    const measured = read.length > 0 ? read : [{ role: 'user' as const, content: '' }];
    const signal = this.#begin(asked.signal);
    return abortable(signal, this.#session.measure(measured, signal, form));
  }

  /** The older name of `measureContextUsage`. */
  async measureInputUsage(input: LanguageModelInput, options: LanguageModelPromptOptions = {}): Promise<number> {
    requireArgument(arguments);
    return this.measureContextUsage(input, options);
  }

  /** Creates another session that starts with this session's conversation. */
  async clone(options: { signal?: AbortSignal } = {}): Promise<LanguageModel> {
    const signal = this.#begin(convertSignal(options));
    const { conversation, setup } = this.#session;
    const engine = await this.#provider
      .join(() => undefined, signal)
      .catch((error: unknown) => {
        throw loadingException(error);
      });
    return new (this.constructor as typeof LanguageModel)(KEY, this.#provider, engine, conversation.clone(), setup);
  }

  /**
   * Ends the session: current and later prompts fail with `InvalidStateError`. The model's memory is freed some time
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
  ): AsyncGenerator<LanguageModelOutput, void> {
    refuseUnsupported(asked);
    const form = formOf(asked);
    yield* this.#session.prompt(this.#validate(messages), signal, form);
  }

  #validate(messages: readonly ConvertedMessage[]): ValidInput {
    return validateInput(messages, this.#session.setup.expectedInputs);
  }

  /** A signal that aborts when the session ends or the caller's signal aborts. Throws if either has already. */
  #begin(signal: AbortSignal | undefined): AbortSignal {
    requireActiveDocument();
    const both = signal ? anyOf(this.#destroyed.signal, signal) : this.#destroyed.signal;
    both.throwIfAborted();
    return both;
  }
}
const STATICS = ['availability', 'create', 'params'] as const;
asInterface(LanguageModel, 'LanguageModel', STATICS);

/** Makes a `LanguageModel` class with your own model and options, as for `Linnet.load`. */
export function languageModel(
  model?: ModelSource,
  options: Omit<LoadOptions, 'onProgress' | 'signal'> = {},
): typeof LanguageModel {
  return languageModelOf(providerOf(model, options));
}

/**
 * The same with another source of engines: for tests, and to share engines with other parts of a page.
 *
 * @internal
 */
export function languageModelOf(provider: EngineProvider): typeof LanguageModel {
  const made = class extends LanguageModel {
    protected static override provider = provider;
  };
  // A page may detach the static methods, as it can with a browser's own.
  for (const name of STATICS) {
    Object.defineProperty(made, name, { value: LanguageModel[name].bind(made), configurable: true, writable: true });
  }
  asInterface(made, 'LanguageModel', STATICS);
  return made;
}

/** Options for installing it. */
export interface InstallOptions extends Omit<LoadOptions, 'onProgress' | 'signal'> {
  /** The model, as for `Linnet.load`; by default the first of the list. */
  model?: ModelSource;
  /** Keeps the browser's own `LanguageModel` if it has a model or can download one. */
  preferBuiltIn?: boolean;
}

/**
 * Defines the global `LanguageModel`, for code that expects it.
 *
 * @returns the class that the page has now
 */
export async function installLanguageModel({
  model,
  preferBuiltIn = false,
  ...options
}: InstallOptions = {}): Promise<'built-in' | 'linnet'> {
  const { LanguageModel: builtIn } = globalThis as { LanguageModel?: { availability?: () => Promise<string> } };
  if (preferBuiltIn && builtIn) {
    const availability = await Promise.resolve(builtIn.availability?.()).catch(() => undefined);
    if (availability && availability !== 'unavailable') return 'built-in';
  }
  const interfaces = { LanguageModel: languageModel(model, options), CreateMonitor, ...TOOL_INTERFACES };
  for (const [name, value] of Object.entries(interfaces)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return 'linnet';
}

/** @throws TypeError, RangeError or DOMException for options that are not allowed together */
function setupOf(core: CoreOptions): SessionSetup {
  const returns = returnsCalls(core);
  const tools = validateTools(core.tools, returns);
  return { sampling: readSampling(core), tools, expectedInputs: core.expectedInputs, returnsCalls: returns };
}

/** Web IDL's check of a required argument; an explicit `undefined` counts as one. */
function requireArgument({ length }: ArrayLike<unknown>): void {
  if (length === 0) throw new TypeError('An input is required.');
}

/** Runs in its own task, after those that wait. */
function task(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
