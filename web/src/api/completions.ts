import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatRequest,
  ChatUsageChunk,
  Completion,
  CompletionChunk,
  CompletionRequest,
  FinishReason,
  PromptProgress,
  TextFinishReason,
  Usage,
  UsageChoice,
  UsageChunk,
} from './types.ts';
import { LinnetError } from '../protocol/errors.ts';
import { wrong } from '../protocol/plain.ts';
import { chatLogprobs, textLogprobs } from './logprobs.ts';
import { answerMessage, deltaOf, type AnswerContent } from './answer-parts.ts';
import type { AskOptions } from '../page/engine-host.ts';
import { type ParsedChatCompletion, parserOf, type ParsingFormat, withParsed } from './parsed-answer.ts';
import { type Reading, readRequest, type Subject } from './request.ts';
import type {
  EngineLogprobs,
  GenerationEvent,
  Timings,
  ToolCallDelta,
  Usage as EngineUsage,
} from '../protocol/generated.ts';

/**
 * Runs one request on the engine. The generator ends after a `done` event that is not a cancellation. Leaving it early
 * cancels the request.
 */
export type Generate = (request: object, asking: AskOptions) => AsyncGenerator<GenerationEvent>;

/** A request for a streamed answer. */
export type Streamed = { stream: true };
/** A request for a whole answer. */
export type Whole = { stream?: false | null };

/** A request without tools. */
export type WithoutTools = { tools?: null };

/** `linnet.chat.completions` */
export class ChatCompletions {
  constructor(
    private readonly generate: Generate,
    private readonly model: string,
    private readonly names: ReadonlySet<string> = new Set([model]),
    private readonly contextLength = Infinity,
  ) {}

  /**
   * Answers a conversation.
   *
   * With `stream: true` it returns an async iterable of chunks, which may also be awaited. The request starts when the
   * iteration starts, and leaving the loop ends it.
   *
   * @throws LinnetError if the request is invalid or the answer fails: the promise rejects, or the iteration throws
   */
  create(request: ChatRequest & Streamed & UsageChoice): AsyncGenerator<ChatCompletionChunk | ChatUsageChunk, void>;
  create(request: ChatRequest & Streamed): AsyncGenerator<ChatCompletionChunk, void>;
  create(request: ChatRequest & Whole & WithoutTools): Promise<ChatCompletion>;
  create(request: ChatRequest & Whole): Promise<ChatCompletion<string | null>>;
  create(request: ChatRequest): Promise<ChatCompletion<string | null>> | AsyncGenerator<ChatCompletionChunk, void>;
  create(
    request: ChatRequest,
  ): Promise<ChatCompletion<string | null>> | AsyncGenerator<ChatCompletionChunk | ChatUsageChunk, void> {
    const { stream, take } = readOnce('messages', this.names, request, this.contextLength);
    const pieces = run(this.generate, take);
    const base = { id: newId('chatcmpl'), created: seconds(), model: this.model };
    return stream ? chatChunks(pieces, base) : chatWhole(pieces, base);
  }

  /**
   * Answers as `create` does, and parses the JSON of the answer: `message.parsed`, as in OpenAI's SDK. It is `null` if
   * the answer was cut or calls tools, or if `response_format` does not ask for JSON.
   *
   * @throws LinnetError as `create` does, and for `stream: true`; also what a format's own `$parseRaw` throws
   */
  async parse<T>(
    request: ChatRequest & Whole & { response_format: ParsingFormat<T> },
  ): Promise<ParsedChatCompletion<T>>;
  async parse<T = unknown>(request: ChatRequest & Whole): Promise<ParsedChatCompletion<T>>;
  async parse<T>(request: ChatRequest & Whole): Promise<ParsedChatCompletion<T>> {
    const parse = parserOf(request);
    const answer: unknown = this.create(request);
    if (!(answer instanceof Promise)) throw wrong('stream', true, 'is true, but a stream is not parsed: use `create`');
    return withParsed(await (answer as ReturnType<typeof chatWhole>), parse);
  }
}

/** `linnet.completions` */
export class Completions {
  constructor(
    private readonly generate: Generate,
    private readonly model: string,
    private readonly names: ReadonlySet<string> = new Set([model]),
    private readonly contextLength = Infinity,
  ) {}

  /** Continues a text, without a chat template. Streams and fails as {@link ChatCompletions.create} does. */
  create(request: CompletionRequest & Streamed & UsageChoice): AsyncGenerator<CompletionChunk | UsageChunk, void>;
  create(request: CompletionRequest & Streamed): AsyncGenerator<CompletionChunk, void>;
  create(request: CompletionRequest & Whole): Promise<Completion>;
  create(request: CompletionRequest): Promise<Completion> | AsyncGenerator<CompletionChunk, void>;
  create(request: CompletionRequest): Promise<Completion> | AsyncGenerator<CompletionChunk | UsageChunk, void> {
    const { stream, take } = readOnce('prompt', this.names, request, this.contextLength);
    const pieces = run(this.generate, take);
    const base = { id: newId('cmpl'), created: seconds(), model: this.model };
    return stream ? textChunks(pieces, base) : textWhole(pieces, base);
  }
}

interface Base {
  id: string;
  created: number;
  model: string;
}

interface End {
  finish_reason: FinishReason;
  usage?: Usage;
  timings: Timings;
}

interface AnswerPart extends AnswerContent {
  tokens: number[];
  /** Log probabilities of its tokens, if the request asks for them. */
  logprobs?: EngineLogprobs[];
  progress?: PromptProgress;
  end?: End;
  /** Present in an extra chunk that has nothing else. */
  usage?: Usage;
}

async function* chatChunks(
  pieces: AsyncGenerator<AnswerPart>,
  base: Base,
): AsyncGenerator<ChatCompletionChunk | ChatUsageChunk, void> {
  let first = true;
  for await (const piece of pieces) {
    if (piece.usage) {
      yield { ...base, object: 'chat.completion.chunk', choices: [], usage: piece.usage };
      continue;
    }
    const says = piece.tokens.length > 0 || piece.text || piece.reasoning || piece.calls?.length;
    const role = says && first ? { role: 'assistant' as const } : {};
    if (says) first = false;
    const choice = {
      index: 0 as const,
      delta: says ? { ...role, ...deltaOf(piece) } : {},
      ...chatLogprobs(piece),
      finish_reason: piece.end?.finish_reason ?? null,
      tokens: piece.tokens,
    };
    yield { ...base, object: 'chat.completion.chunk', choices: [choice], ...extras(piece) };
  }
}

async function* textChunks(
  pieces: AsyncGenerator<AnswerPart>,
  base: Base,
): AsyncGenerator<CompletionChunk | UsageChunk, void> {
  for await (const piece of pieces) {
    if (piece.usage) {
      yield { ...base, object: 'text_completion', choices: [], usage: piece.usage };
      continue;
    }
    const { text, tokens, end } = piece;
    const choice = {
      index: 0 as const,
      text,
      ...textLogprobs(piece),
      finish_reason: (end?.finish_reason as TextFinishReason) ?? null,
      tokens,
    };
    yield { ...base, object: 'text_completion', choices: [choice], ...extras(piece) };
  }
}

async function chatWhole(pieces: AsyncGenerator<AnswerPart>, base: Base): Promise<ChatCompletion<string | null>> {
  const whole = await collect(pieces);
  const { tokens, end } = whole;
  const { finish_reason, usage, timings } = end;
  const choice = {
    index: 0 as const,
    message: answerMessage(whole),
    ...chatLogprobs(whole),
    finish_reason,
    tokens,
  };
  return { ...base, object: 'chat.completion', choices: [choice], usage, timings };
}

async function textWhole(pieces: AsyncGenerator<AnswerPart>, base: Base): Promise<Completion> {
  const { text, tokens, end, ...likely } = await collect(pieces);
  const { usage, timings } = end;
  const finish_reason = end.finish_reason as TextFinishReason;
  return {
    ...base,
    object: 'text_completion',
    choices: [{ index: 0, text, ...textLogprobs(likely), finish_reason, tokens }],
    usage,
    timings,
  };
}

/**
 * Reads a request at once, so that later changes of its objects have no effect. Errors are thrown when the request
 * runs: by the promise, or by the stream.
 */
function readOnce(
  subject: Subject,
  names: ReadonlySet<string>,
  request: unknown,
  contextLength: number,
): { stream: boolean; take: () => Reading } {
  try {
    const reading = readRequest(subject, names, request, contextLength);
    return { stream: reading.stream, take: () => reading };
  } catch (error) {
    const take = () => {
      throw error;
    };
    try {
      return { stream: Boolean((request as { stream: unknown }).stream), take };
    } catch {
      return { stream: false, take };
    }
  }
}

/** Turns the engine's events into parts of an answer. Fields for the page are not sent to the engine. */
async function* run(generate: Generate, take: () => Reading): AsyncGenerator<AnswerPart> {
  const { fields, signal, busy, policy, stream, progress, usage: place } = take();
  for await (const event of generate(fields, { signal, busy, policy, paced: stream })) {
    switch (event.type) {
      case 'prefill':
        if (progress) yield { text: '', tokens: [], progress: { processed: event.done, total: event.total } };
        break;
      case 'token':
        yield {
          ...contentOf(event),
          tokens: [event.token],
          ...(event.logprobs ? { logprobs: [event.logprobs] } : {}),
        };
        break;
      case 'done': {
        const { finish_reason, timings } = event;
        const usage = usageOf(event.usage);
        yield {
          ...contentOf(event),
          tokens: [],
          end: { finish_reason: finish_reason as FinishReason, timings, ...(place === 'end' ? { usage } : {}) },
        };
        if (place === 'own') yield { text: '', tokens: [], usage };
      }
    }
  }
}

async function collect(pieces: AsyncGenerator<AnswerPart>): Promise<AnswerPart & { end: Required<End> }> {
  let text = '';
  let reasoning = '';
  const calls: ToolCallDelta[] = [];
  const tokens: number[] = [];
  const logprobs: EngineLogprobs[] = [];
  let end: End | undefined;
  for await (const piece of pieces) {
    text += piece.text;
    reasoning += piece.reasoning ?? '';
    calls.push(...(piece.calls ?? []));
    tokens.push(...piece.tokens);
    logprobs.push(...(piece.logprobs ?? []));
    end = piece.end;
  }
  if (!end?.usage) throw new LinnetError('internal', 'The answer had no end.');
  return {
    text,
    reasoning,
    calls,
    tokens,
    ...(logprobs.length > 0 ? { logprobs } : {}),
    end: { ...end, usage: end.usage },
  };
}

function contentOf({ text, reasoning, tool_calls: calls }: Extract<GenerationEvent, { text: string }>): AnswerContent {
  return { text, ...(reasoning ? { reasoning } : {}), ...(calls ? { calls } : {}) };
}

function usageOf({ reasoning_tokens = 0, ...usage }: EngineUsage): Usage {
  return { ...usage, completion_tokens_details: { reasoning_tokens } };
}

function extras({ progress, end }: AnswerPart): { prompt_progress?: PromptProgress; usage?: Usage; timings?: Timings } {
  const ending = end ? { ...(end.usage ? { usage: end.usage } : {}), timings: end.timings } : {};
  return { ...(progress ? { prompt_progress: progress } : {}), ...ending };
}

function newId(prefix: string): string {
  // crypto.randomUUID needs HTTPS; getRandomValues does not.
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `${prefix}-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
