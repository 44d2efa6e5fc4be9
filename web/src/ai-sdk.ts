/**
 * A provider for the Vercel AI SDK (`ai` 5), whose `generateText`, `streamText` and chat hooks then use a model in the
 * page.
 */
import { isBlob } from './protocol/brands.ts';
import type {
  LanguageModelV2,
  LanguageModelV2CallOptions,
  LanguageModelV2CallWarning,
  LanguageModelV2Prompt,
  LanguageModelV2StreamPart,
  LanguageModelV2Usage,
} from '@ai-sdk/provider';
import type { ChatCompletion, ChatCompletionChunk, ChatMessage, ChatRequest } from './api/types.ts';
import { Linnet, LinnetError, type LoadOptions, type ModelSource, models } from './index.ts';
import { partsOf, type SpokenPiece, ReasoningSplitter } from './element/markdown/reasoning.ts';
import { follow, abortable } from './protocol/abortable.ts';
import { SAMPLING_DEFAULTS, type Timings, type Usage } from './protocol/generated.ts';

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
      create(request: ChatRequest): Promise<ChatCompletion>;
    };
  };
  /** Frees the model. */
  dispose(): void;
}

/** Options that the AI SDK may lack: `providerOptions: { linnet: { min_p: 0.1 } }`. */
const OWN_OPTIONS = [...Object.keys(SAMPLING_DEFAULTS), 'ignore_eos'];

/** A model for the AI SDK. It is loaded at the first request, or by `load()`. */
export class LinnetLanguageModel implements LanguageModelV2 {
  readonly specificationVersion = 'v2';
  readonly provider = 'linnet';
  /** URLs in messages are not supported. */
  readonly supportedUrls: Record<string, RegExp[]> = {};
  #engine: Promise<ProviderEngine> | undefined;

  /** @param start loads the engine */
  constructor(
    readonly modelId: string,
    private readonly start: () => Promise<ProviderEngine>,
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
  async doGenerate(options: LanguageModelV2CallOptions): Promise<Awaited<ReturnType<LanguageModelV2['doGenerate']>>> {
    const { request, warnings } = requestOf(options);
    const engine = await this.#loaded(options.abortSignal);
    const { id, created, choices, usage, timings } = await engine.chat.completions
      .create(request)
      .catch((error: unknown) => {
        throw failure(error, options.abortSignal);
      });
    const [{ message, finish_reason }] = choices;
    const { reasoning, answer } = partsOf(message.content, true, prefillOf(request));
    return {
      content: [
        ...(reasoning ? [{ type: 'reasoning' as const, text: reasoning }] : []),
        { type: 'text', text: answer },
      ],
      finishReason: finish_reason,
      usage: usageOf(usage),
      warnings,
      request: { body: withoutSignal(request) },
      response: { id, modelId: this.modelId, timestamp: new Date(created * 1000) },
      providerMetadata: { linnet: { timings: { ...timings } } },
    };
  }

  /** Answers with a stream. Cancelling the stream ends the answer. */
  async doStream(options: LanguageModelV2CallOptions): Promise<Awaited<ReturnType<LanguageModelV2['doStream']>>> {
    const left = new AbortController();
    const { abortSignal } = options;
    const { request, warnings } = requestOf({ ...options, abortSignal: left.signal });
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
    const parts = this.#parts(chunks, new AnswerParts(prefillOf(request)), warnings, options);
    const stream = new ReadableStream<LanguageModelV2StreamPart>({
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
    parts: AnswerParts,
    warnings: LanguageModelV2CallWarning[],
    { abortSignal, includeRawChunks }: LanguageModelV2CallOptions,
  ): AsyncGenerator<LanguageModelV2StreamPart, void> {
    yield { type: 'stream-start', warnings };
    let begun = false;
    let last: { finishReason: 'stop' | 'length'; usage: Usage; timings: Timings } | undefined;
    try {
      for await (const chunk of chunks) {
        if (includeRawChunks) yield { type: 'raw', rawValue: chunk };
        if (!begun) {
          begun = true;
          yield {
            type: 'response-metadata',
            id: chunk.id,
            modelId: this.modelId,
            timestamp: new Date(chunk.created * 1000),
          };
        }
        const [{ delta, finish_reason }] = chunk.choices;
        if (delta.content) yield* parts.add(delta.content);
        if (finish_reason && chunk.usage && chunk.timings)
          last = { finishReason: finish_reason, usage: chunk.usage, timings: chunk.timings };
      }
    } catch (error) {
      yield { type: 'error', error: failure(error, abortSignal) };
    }
    yield* parts.end();
    yield {
      type: 'finish',
      finishReason: last?.finishReason ?? 'error',
      usage: usageOf(last?.usage),
      ...(last ? { providerMetadata: { linnet: { timings: { ...last.timings } } } } : {}),
    };
  }
}

/**
 * Makes a model for the AI SDK.
 *
 * @param model a model as for `Linnet.load` (by default the first of the list), or a loaded engine
 * @param options options as for `Linnet.load`
 */
export function linnet(
  model: ModelSource | ProviderEngine = models.all[0]!.id,
  options: Omit<LoadOptions, 'signal'> = {},
): LinnetLanguageModel {
  if (isEngine(model)) return new LinnetLanguageModel(model.info().model.name, () => Promise.resolve(model));
  return new LinnetLanguageModel(nameOf(model), () => Linnet.load(model, options));
}

/** Turns an answer's text into parts of the SDK's stream: the reasoning, then the text. */
class AnswerParts {
  readonly #splitter: ReasoningSplitter;
  #open: 'reasoning' | 'text' | undefined;

  /** @param prefill the assistant's message at the end of the prompt, which the answer continues */
  constructor(prefill: string | undefined) {
    this.#splitter = new ReasoningSplitter(prefill);
  }

  add(text: string): Generator<LanguageModelV2StreamPart> {
    return this.#write(this.#splitter.add(text));
  }

  *end(): Generator<LanguageModelV2StreamPart> {
    yield* this.#write(this.#splitter.end());
    yield* this.#turnTo(undefined);
  }

  *#write({ reasoning, answer }: SpokenPiece): Generator<LanguageModelV2StreamPart> {
    for (const [kind, delta] of [
      ['reasoning', reasoning],
      ['text', answer],
    ] as const) {
      if (!delta) continue;
      yield* this.#turnTo(kind);
      yield { type: `${kind}-delta`, id: kind, delta };
    }
  }

  *#turnTo(kind: 'reasoning' | 'text' | undefined): Generator<LanguageModelV2StreamPart> {
    if (this.#open === kind) return;
    if (this.#open) yield { type: `${this.#open}-end`, id: this.#open };
    if (kind) yield { type: `${kind}-start`, id: kind };
    this.#open = kind;
  }
}

/** The assistant's message at the end of the prompt, which the answer continues. */
function prefillOf({ messages }: ChatRequest): string | undefined {
  const last = messages.at(-1);
  return last?.role === 'assistant' && typeof last.content === 'string' ? last.content : undefined;
}

/** Turns a call into Linnet's request, with warnings about settings that are not supported. */
function requestOf(options: LanguageModelV2CallOptions): {
  request: ChatRequest;
  warnings: LanguageModelV2CallWarning[];
} {
  const {
    prompt,
    maxOutputTokens,
    temperature,
    topP,
    topK,
    presencePenalty,
    frequencyPenalty,
    stopSequences,
    seed,
    abortSignal,
    responseFormat,
    tools,
    toolChoice,
    providerOptions,
  } = options;
  const warnings: LanguageModelV2CallWarning[] = (tools ?? []).map((tool) => ({ type: 'unsupported-tool', tool }));
  if (toolChoice && toolChoice.type !== 'auto' && toolChoice.type !== 'none')
    warnings.push({ type: 'unsupported-setting', setting: 'toolChoice' });
  if (responseFormat?.type === 'json')
    warnings.push({
      type: 'unsupported-setting',
      setting: 'responseFormat',
      details: 'The answer is not held to JSON.',
    });
  const own = providerOptions?.['linnet'] ?? {};
  const fields = {
    max_tokens: maxOutputTokens,
    temperature,
    top_p: topP,
    top_k: topK,
    presence_penalty: presencePenalty,
    frequency_penalty: frequencyPenalty,
    stop: stopSequences?.length ? stopSequences : undefined,
    seed,
    signal: abortSignal,
  };
  const others = OWN_OPTIONS.filter((name) => !(name in fields)).map((name) => [name, own[name]]);
  const given = Object.fromEntries([...Object.entries(fields), ...others].filter(([, value]) => value !== undefined));
  return { request: { messages: messagesOf(prompt), ...given }, warnings };
}

/** @throws LinnetError `invalid-request` for content other than text: files and tool results */
function messagesOf(prompt: LanguageModelV2Prompt): ChatMessage[] {
  return prompt.map(({ role, content }): ChatMessage => {
    if (role === 'tool') throw refused('Tools');
    if (typeof content === 'string') return { role, content };
    const texts = content.map((part) => {
      if (part.type === 'text') return part.text;
      // A model's reasoning is not part of the conversation.
      if (part.type === 'reasoning') return '';
      throw refused(part.type === 'file' ? 'Files' : 'Tools');
    });
    return { role, content: texts.join('') };
  });
}

function refused(what: string): LinnetError {
  return new LinnetError('invalid-request', `${what} are not supported in a prompt.`, { field: 'prompt' });
}

function usageOf(usage: Usage | undefined): LanguageModelV2Usage {
  return {
    inputTokens: usage?.prompt_tokens,
    outputTokens: usage?.completion_tokens,
    totalTokens: usage?.total_tokens,
  };
}

/** Turns an error into the AI SDK's form, which knows an abort by its name. */
function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof LinnetError) || error.code !== 'aborted') return error;
  return signal?.reason ?? new DOMException('The operation was aborted.', 'AbortError');
}

function withoutSignal({ signal: _, ...request }: ChatRequest): Omit<ChatRequest, 'signal'> {
  return request;
}

function isEngine(model: ModelSource | ProviderEngine): model is ProviderEngine {
  return typeof model === 'object' && 'chat' in model;
}

function nameOf(model: ModelSource): string {
  if (Array.isArray(model)) return nameOf(model[0] as ModelSource);
  if (isBlob(model)) return (model as Partial<File>).name ?? 'file';
  return typeof model === 'object' && 'id' in model ? model.id : String(model);
}
