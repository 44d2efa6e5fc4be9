import type { ChatTool } from '../api/chat-types.ts';
import type { AnswerForm } from '../api/form-types.ts';
import type { ChatCompletionChunk, ChatRequest } from '../api/types.ts';
import { hasSimd } from '../protocol/device.ts';
import { Linnet, type LoadOptions, type ModelSource, models } from '../index.ts';
import { isModelBytes } from '../models/model-bytes.ts';
import { copyOf, resolveModel } from '../models/sources.ts';
import { abortable } from '../protocol/abortable.ts';
import type { Message } from './conversation.ts';
import { isOfTemplate } from './exceptions.ts';

/** What a prompt shows besides its messages. */
export type ShownFields = AnswerForm & { tools?: readonly ChatTool[] };

/** The parts of an engine that a session needs; a {@link Linnet} has them. */
export interface PromptEngine {
  info(): { model: { context_length: number } };
  chat: { completions: { create(request: ChatRequest & { stream: true }): AsyncIterable<ChatCompletionChunk> } };
  countTokens(
    request: { messages: readonly Message[] } & ShownFields,
    options?: { signal?: AbortSignal },
  ): Promise<number>;
  dispose(): void;
}

/** How long an engine without sessions is kept, in milliseconds: another session may follow. */
const KEPT = 30_000;

/** Receives the progress of the download, from 0 to 1. */
type Listener = (loaded: number) => void;

/**
 * Loads the engine for the first session, shares it with all sessions, and frees it some time after the last one has
 * ended.
 */
export class EngineProvider {
  #engine: PromptEngine | undefined;
  #loading: Promise<PromptEngine> | undefined;
  #stop: AbortController | undefined;
  readonly #listeners = new Set<Listener>();
  #loaded = 0;
  #users = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param load loads the engine
   * @param isStored whether loading needs no download
   * @param kept how long it is kept without sessions, in milliseconds
   * @param languages the model's languages, as BCP 47 tags; empty if unknown
   */
  constructor(
    private readonly load: (onProgress: Listener, signal: AbortSignal) => Promise<PromptEngine>,
    private readonly isStored: () => Promise<boolean> = () => Promise.resolve(false),
    private readonly kept = KEPT,
    readonly languages: readonly string[] = [],
  ) {}

  /** Whether sessions are possible here at all. */
  get supported(): boolean {
    return hasSimd();
  }

  /** Whether a session can be created, and whether that needs a download. */
  async availability(): Promise<'unavailable' | 'downloadable' | 'downloading' | 'available'> {
    if (!this.supported) return 'unavailable';
    if (this.#engine) return 'available';
    if (this.#loading) return 'downloading';
    return (await this.isStored()) ? 'available' : 'downloadable';
  }

  /**
   * Returns the engine for one more session; each session returns it by {@link EngineProvider.leave}. Sessions that
   * come during a load wait for the same load, which ends when none of them waits any more.
   */
  async join(onProgress: Listener, signal: AbortSignal): Promise<PromptEngine> {
    this.#users++;
    clearTimeout(this.#timer);
    this.#listeners.add(onProgress);
    try {
      // A session that comes during a load sees the progress of the rest.
      if (this.#loading) onProgress(this.#loaded);
      return await abortable(signal, this.#engine ?? this.#begin());
    } catch (error) {
      this.leave();
      throw error;
    } finally {
      this.#listeners.delete(onProgress);
    }
  }

  /** A session has ended. */
  leave(): void {
    if (--this.#users > 0) return;
    this.#stop?.abort();
    if (!this.#engine) return;
    this.#timer = setTimeout(() => this.#drop(), this.kept);
    // In Node a timer would keep the process.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** The engine cannot be used any more: the next session loads it again. */
  broken(engine: PromptEngine): void {
    if (this.#engine === engine) this.#drop();
  }

  async #begin(): Promise<PromptEngine> {
    // An abandoned load may still be storing its download.
    while (this.#loading && this.#stop?.signal.aborted) await this.#loading.catch(() => undefined);
    if (this.#engine) return this.#engine;
    this.#loading ??= this.#start();
    return this.#loading;
  }

  async #start(): Promise<PromptEngine> {
    const stop = new AbortController();
    this.#stop = stop;
    this.#loaded = 0;
    const tell = (loaded: number) => {
      this.#loaded = loaded;
      for (const listener of this.#listeners) listener(loaded);
    };
    try {
      const engine = await this.load(tell, stop.signal);
      if (stop.signal.aborted) engine.dispose();
      else this.#engine = engine;
      return engine;
    } finally {
      this.#loading = undefined;
    }
  }

  #drop(): void {
    this.#engine?.dispose();
    this.#engine = undefined;
  }
}

/**
 * Makes a provider that loads a model with `Linnet.load`.
 *
 * @throws LinnetError `invalid-request` for what cannot be a model
 */
export function providerOf(
  given: ModelSource = models.all[0]!.id,
  options: Omit<LoadOptions, 'onProgress' | 'signal'> = {},
): EngineProvider {
  // A server that renders the page has no address, and loads nothing.
  const here = globalThis.document?.baseURI ?? globalThis.location?.href ?? 'https://server.invalid/';
  // It is loaded later, perhaps more than once; until then the caller may change it.
  const model = copyOf(given, here);
  // A text may be the id of a model that is added later.
  if (typeof model !== 'string' && !Array.isArray(model) && !isModelBytes(model))
    resolveModel(model, { models, bases: [], here });
  const load = (tell: Listener, signal: AbortSignal) => {
    const onProgress: LoadOptions['onProgress'] = ({ phase, loaded, total }) => {
      if (phase === 'download' && total) tell(loaded / total);
    };
    return Linnet.load(model, { ...options, signal, onProgress });
  };
  const entry = typeof model === 'string' ? models.get(model) : model;
  const languages = typeof entry === 'object' && 'languages' in entry ? entry.languages : [];
  return new EngineProvider(load, () => models.isStored(model), KEPT, languages);
}

/** Counts the tokens of a prompt, including what the chat template adds. */
export async function countTokens(
  engine: PromptEngine,
  messages: readonly Message[],
  shown: ShownFields,
  signal: AbortSignal,
): Promise<number> {
  if (messages.length === 0) return 0;
  try {
    const tokens = await engine.countTokens({ messages, ...shown }, { signal });
    signal.throwIfAborted();
    return tokens;
  } catch (error) {
    // Some templates require a question at the end.
    if (isOfTemplate(error) && messages.at(-1)?.role !== 'user')
      return countTokens(engine, [...messages, { role: 'user', content: '' }], shown, signal);
    throw error;
  }
}
