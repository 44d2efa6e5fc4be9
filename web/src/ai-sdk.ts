/**
 * A provider for the Vercel AI SDK, whose `generateText`, `streamText` and chat hooks then use a model in the page:
 * {@link linnet} for `ai` 7, {@link linnetV3} for `ai` 6, {@link linnetV2} for `ai` 5.
 */
import { AnswerParts, contentOf, endOf, type KnownEnd } from './ai-sdk/answer.ts';
import { requestOf } from './ai-sdk/request.ts';
import type {
  CallOptions,
  CallWarning,
  GenerateResult,
  SpecificationVersion,
  StreamPart,
  StreamResult,
} from './ai-sdk/types.ts';
import type { ChatCompletion, ChatCompletionChunk, ChatRequest } from './api/types.ts';
import { Linnet, LinnetError, type LoadOptions, type ModelSource, models } from './index.ts';
import { follow, abortable } from './protocol/abortable.ts';
import { isBlob } from './protocol/brands.ts';

export type * from './ai-sdk/types.ts';

/** The parts of an engine that the provider needs; a {@link Linnet} has them. */
export interface ProviderEngine {
  /** Returns the model's name. */
  info(): { model: { name: string } };
  /** The chat API. */
  chat: {
    completions: {
      /** Streams an answer. */
      create(request: ChatRequest & { stream: true }): AsyncIterable<ChatCompletionChunk>;
      /** Answers. */
      create(request: ChatRequest): Promise<ChatCompletion<string | null>>;
    };
  };
  /** Frees the model. */
  dispose(): void;
}

/**
 * A model for the AI SDK: its `LanguageModelV4`, or an older version of that interface. It is loaded at the first
 * request, or by `load()`.
 */
export class LinnetLanguageModel<V extends SpecificationVersion = 'v4'> {
  readonly provider = 'linnet';
  /** URLs in messages are not supported. */
  readonly supportedUrls: Record<string, RegExp[]> = {};
  #engine: Promise<ProviderEngine> | undefined;

  /**
   * @param start loads the engine
   * @param specificationVersion the version of the interface
   */
  constructor(
    readonly modelId: string,
    private readonly start: () => Promise<ProviderEngine>,
    readonly specificationVersion: V = 'v4' as V,
  ) {}

  /**
   * Loads the model if it is not loaded yet.
   *
   * @throws LinnetError; the next call tries again
   */
  load(): Promise<ProviderEngine> {
    this.#engine ??= this.start().catch((error: unknown) => {
      this.#engine = undefined;
      throw error;
    });
    return this.#engine;
  }

  /** Frees the model's memory. The next request loads the model again. */
  async dispose(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    (await engine?.catch(() => undefined))?.dispose();
  }

  /** Answers with the whole text. */
  async doGenerate(options: CallOptions): Promise<GenerateResult<V>> {
    const { request, warnings } = requestOf(options, this.specificationVersion);
    const engine = await this.#loaded(options.abortSignal);
    const whole = await engine.chat.completions.create(request).catch((error: unknown) => {
      throw failure(error, options.abortSignal);
    });
    const { choices, usage, timings } = whole;
    return {
      content: contentOf(whole),
      ...endOf({ finish_reason: choices[0].finish_reason, usage, timings }, this.specificationVersion),
      warnings,
      request: { body: withoutSignal(request) },
      response: this.#metadata(whole),
    };
  }

  /** Answers with a stream. Cancelling the stream ends the answer. */
  async doStream(options: CallOptions): Promise<StreamResult<V>> {
    const left = new AbortController();
    const { abortSignal } = options;
    const { request, warnings } = requestOf({ ...options, abortSignal: left.signal }, this.specificationVersion);
    const followed = follow(abortSignal);
    const leave = () => left.abort(followed.signal.reason);
    if (followed.signal.aborted) leave();
    followed.signal.addEventListener('abort', leave, { once: true });
    // A signal may outlive many streams.
    const end = () => followed.leave();
    const engine = await this.#loaded(left.signal).catch((error: unknown) => {
      end();
      throw error;
    });
    const chunks = engine.chat.completions.create({ ...request, stream: true });
    const parts = this.#parts(chunks, warnings, options);
    const stream = new ReadableStream<StreamPart<V>>({
      async pull(controller) {
        const { done, value } = await parts.next();
        if (!done) return controller.enqueue(value);
        end();
        controller.close();
      },
      async cancel() {
        end();
        left.abort();
        await parts.return();
      },
    });
    return { stream, request: { body: withoutSignal(request) } };
  }

  /** Returns the engine. A caller may abort the wait; the model still loads for the next request. */
  #loaded(signal: AbortSignal | undefined): Promise<ProviderEngine> {
    return signal ? abortable(signal, this.load()) : this.load();
  }

  async *#parts(
    chunks: AsyncIterable<ChatCompletionChunk>,
    warnings: CallWarning<V>[],
    { abortSignal, includeRawChunks }: CallOptions,
  ): AsyncGenerator<StreamPart<V>, void> {
    yield { type: 'stream-start', warnings };
    const parts = new AnswerParts();
    let begun = false;
    let last: KnownEnd | undefined;
    try {
      for await (const chunk of chunks) {
        if (includeRawChunks) yield { type: 'raw', rawValue: chunk };
        if (!begun) yield { type: 'response-metadata', ...this.#metadata(chunk) };
        begun = true;
        const { choices, usage, timings } = chunk;
        const [{ delta, finish_reason }] = choices;
        yield* parts.add(delta);
        if (finish_reason && usage && timings) last = { finish_reason, usage, timings };
      }
      yield* parts.end();
    } catch (error) {
      yield { type: 'error', error: failure(error, abortSignal) };
      yield* parts.fail();
    }
    yield { type: 'finish', ...endOf(last, this.specificationVersion) };
  }

  #metadata({ id, created }: { id: string; created: number }): GenerateResult<V>['response'] {
    return { id, modelId: this.modelId, timestamp: new Date(created * 1000) };
  }
}

/** What a model may be made of: a model as for `Linnet.load`, or a loaded engine. */
type Source = ModelSource | ProviderEngine;
/** Options as for `Linnet.load`. */
type Options = Omit<LoadOptions, 'signal'>;

/**
 * Makes a model for the AI SDK, `ai` 7.
 *
 * @param model a model as for `Linnet.load` (by default the first of the list), or a loaded engine
 * @param options options as for `Linnet.load`
 */
export function linnet(model?: Source, options?: Options): LinnetLanguageModel {
  return made('v4', model, options);
}

/** The same for `ai` 6. */
export function linnetV3(model?: Source, options?: Options): LinnetLanguageModel<'v3'> {
  return made('v3', model, options);
}

/** The same for `ai` 5. */
export function linnetV2(model?: Source, options?: Options): LinnetLanguageModel<'v2'> {
  return made('v2', model, options);
}

function made<V extends SpecificationVersion>(
  version: V,
  model: Source = models.all[0]!.id,
  options: Options = {},
): LinnetLanguageModel<V> {
  if (isEngine(model)) return new LinnetLanguageModel(model.info().model.name, () => Promise.resolve(model), version);
  return new LinnetLanguageModel(nameOf(model), () => Linnet.load(model, options), version);
}

/** Turns an error into the AI SDK's form, which knows an abort by its name. */
function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof LinnetError) || error.code !== 'aborted') return error;
  return signal?.reason ?? new DOMException('The operation was aborted.', 'AbortError');
}

function withoutSignal({ signal: _, ...request }: ChatRequest): Omit<ChatRequest, 'signal'> {
  return request;
}

function isEngine(model: Source): model is ProviderEngine {
  return typeof model === 'object' && 'chat' in model;
}

function nameOf(model: ModelSource): string {
  if (Array.isArray(model)) return nameOf(model[0] as ModelSource);
  if (isBlob(model)) return (model as Partial<File>).name ?? 'file';
  return typeof model === 'object' && 'id' in model ? model.id : String(model);
}
