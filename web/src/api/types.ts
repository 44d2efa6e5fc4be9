import type { Backend, LoadProgress, Pace, StorageUse, WhenBusy, WhenHidden } from '../protocol/messages.ts';
import type { KvFormat, SamplingParameters, SuggestedWord, Timings } from '../protocol/generated.ts';
import type {
  ChatAssistantMessage,
  ChatMessage,
  ChatTool,
  ChatToolCall,
  ChatToolCallDelta,
  ChatToolChoice,
  ChatToolResult,
  ReasoningEffort,
} from './chat-types.ts';
import type { AnswerForm } from './form-types.ts';

export type { ChatMessage } from './chat-types.ts';

/** How to load a model. */
export interface LoadOptions {
  /** The compute path; `auto` by default. */
  backend?: Backend;
  /**
   * The largest number of threads on the CPU path; by default as many as help. More than one needs a cross-origin
   * isolated page. `info().threads` says how many are used.
   */
  threads?: number;
  /**
   * The context's length in tokens; by default 4,096, or less if the model was trained for less or memory is short.
   */
  contextLength?: number;
  /** The format of the KV cache: `f16` by default; `q8_0` takes about half the memory, `f32` twice as much. */
  kvFormat?: KvFormat;
  /**
   * The memory that the model may take, in bytes. A model that needs more is rejected with `out-of-memory` as soon as
   * its header has arrived. `details` says what it needs (`weights`, `kv`, `scratch`) and, as `smaller`, options with
   * which it would fit.
   */
  memoryLimit?: number;
  /** Folders with your own copies of the listed models. They are tried before a model's public address. */
  modelBase?: string | URL | readonly (string | URL)[];
  /**
   * Whether the model is kept in the browser's storage, so that the next load needs no network.
   * - `auto`, the default: stores it if possible; `info().notStored` says why it was not stored
   * - `required`: fails with `quota` or `no-storage` before the download if the model cannot be stored
   * - `none`: neither reads nor writes the store
   */
  storage?: StorageUse;
  /**
   * What the next visit does if the page crashed while it loaded this model or wrote the first answer, as happens on
   * phones when a page takes too much memory.
   * - `auto`, the default: uses a smaller context, then the CPU (if `backend` is `auto`); `info().recovered` says
   * which. If that crashes as well, the load fails with `out-of-memory`, and `details.smaller` names a smaller listed
   * model
   * - `smaller-model`: as `auto`, but loads the smaller model instead of failing
   * - `off`: ignores crashes
   *
   * Crashes are forgotten after seven days, or by `Linnet.resetRecovery`.
   */
  recovery?: 'auto' | 'smaller-model' | 'off';
  /**
   * What happens to an answer while the page is hidden: it goes on (`go-on`, the default), or it pauses until the page
   * is visible again (`pause`). Requests that come after a paused one wait as well. Each request can override this
   * (`when_hidden`).
   */
  whenHidden?: WhenHidden;
  /**
   * Keeps the screen on while a long answer is written, if the browser can; `false` by default. Each request can
   * override this (`keep_awake`).
   */
  keepAwake?: boolean;
  /** How fast answers are computed; `full` by default. Each request can override this (`pace`). */
  pace?: Pace;
  /** Called about ten times a second while the model loads. */
  onProgress?: (progress: LoadProgress) => void;
  /** Ends loading within a second. The bytes downloaded so far are kept for the next load. */
  signal?: AbortSignal;
}

/**
 * What chat and completion requests share. Fields that are unset or `null` take the values that the model's makers
 * recommend (`ListedModel.sampling`), then the engine's defaults. Fields of OpenAI's API that are missing here are
 * rejected with `invalid-request` (`details.field` names the field), since they would have no effect.
 */
export interface GenerationOptions extends SamplingParameters, AnswerForm {
  /** The largest number of tokens to generate; by default as many as fit into the context. */
  max_tokens?: number | null;
  /** OpenAI's newer name for `max_tokens`. */
  max_completion_tokens?: number | null;
  /** The model's name or id, or its file's name or address. A request for a model that is not loaded is rejected. */
  model?: string | null;
  /** The number of answers; must be 1. */
  n?: 1 | null;
  /** What happens if the engine is answering another request; `queue` by default. */
  busy?: WhenBusy | null;
  /** What happens to the answer while the page is hidden; `LoadOptions.whenHidden` by default. */
  when_hidden?: WhenHidden | null;
  /** Whether the screen stays on while a long answer is written; `LoadOptions.keepAwake` by default. */
  keep_awake?: boolean | null;
  /** How fast the answer is computed; `LoadOptions.pace` by default. */
  pace?: Pace | null;
  /**
   * Added to the logits of tokens, by token id, before all other sampling steps: from -100, which bans a token, to 100,
   * which allows no other token. With it, a GPU returns each token to the CPU before the next one, which is slower.
   */
  logit_bias?: Readonly<Record<number, number>> | null;
  /** The seed of the random numbers. The same seed gives the same answer on the same device. */
  seed?: number | null;
  /** The answer ends before any of these texts: up to 64 texts of up to 1,000 characters. */
  stop?: string | readonly string[] | null;
  /** Continues after the model's end-of-text token; for benchmarks. */
  ignore_eos?: boolean | null;
  /** Ends the answer, or the wait for it. The request fails with `aborted` within a second. */
  signal?: AbortSignal;
}

/**
 * Where a stream reports its `usage`. If unset, in the last chunk of the answer. With `include_usage: true`, in an
 * extra chunk without choices that follows the last one, as in OpenAI's API; with `false`, nowhere.
 */
export interface UsageChoice {
  /** OpenAI's stream options. */
  stream_options: { include_usage?: boolean | null } | null;
}

/** A request to answer a conversation. */
export interface ChatRequest extends GenerationOptions {
  /**
   * The conversation so far, oldest message first; up to 10,000 messages. If the last message is the assistant's, the
   * model continues that text, and the answer is only the continuation, as in vLLM and llama.cpp.
   */
  messages: readonly (ChatMessage | ChatAssistantMessage | ChatToolResult)[];
  /** The functions that the model may call. Calls end the answer; your code runs them and sends their results. */
  tools?: readonly ChatTool[] | null;
  /** Whether the model calls tools, and which. */
  tool_choice?: ChatToolChoice | null;
  /** Whether an answer may have several calls; `true` by default. */
  parallel_tool_calls?: boolean | null;
  /**
   * How much the model reasons; by default as its template does. A model without levels only knows `none`;
   * `info().model.reasoning` says whether reasoning can be turned off.
   */
  reasoning_effort?: ReasoningEffort | null;
  /** Turns reasoning on or off, as `reasoning_effort` does, for models that can switch it. */
  enable_thinking?: boolean | null;
  /** Variables for the model's chat template, which override those that Linnet sets. */
  chat_template_kwargs?: Readonly<Record<string, unknown>> | null;
  /** Documents to answer from, for templates that take them; usually with `title` and `text`. */
  documents?: readonly Readonly<Record<string, unknown>>[] | null;
  /**
   * Whether the answer includes the log probabilities of its tokens: those of the model itself, before bias, penalties,
   * temperature and filters. This slows down a GPU as `logit_bias` does.
   */
  logprobs?: boolean | null;
  /** With `logprobs`: how many of the most likely tokens are listed at each position; 0 to 20. */
  top_logprobs?: number | null;
  /** Whether the answer is streamed in chunks. */
  stream?: boolean | null;
  /** With `stream`: also sends chunks that report how much of the prompt has been read. */
  return_progress?: boolean | null;
}

/** A request to continue a text, or token ids. */
export interface CompletionRequest extends GenerationOptions {
  /** The text to continue, or its token ids. */
  prompt: string | readonly number[];
  /**
   * Includes log probabilities, as a chat's `logprobs` does, and this many of the most likely tokens at each position:
   * 0 to 5.
   */
  logprobs?: number | null;
  /** Whether the text is streamed in chunks. */
  stream?: boolean | null;
  /** With `stream`: also sends chunks that report how much of the prompt has been read. */
  return_progress?: boolean | null;
}

/** The fields of a chat request that its template gets. */
export type TemplateField =
  | 'tools'
  | 'tool_choice'
  | 'parallel_tool_calls'
  | 'reasoning_effort'
  | 'enable_thinking'
  | 'chat_template_kwargs'
  | 'documents';

/** The prompt whose tokens are counted. */
export type CountRequest =
  | Pick<ChatRequest, 'messages' | TemplateField | keyof AnswerForm>
  | Pick<CompletionRequest, 'prompt'>;

/** A request for words that may come next. */
export interface SuggestRequest {
  /** The text before the cursor. */
  prefix: string;
  /** The number of words, 1 to 10; 3 by default. */
  words?: number;
  /**
   * A time limit in milliseconds: returns the words found by then. If there are none yet, the search continues until it
   * finds the first one.
   */
  within?: number;
  /** Ends the search, which then fails with `aborted`. */
  signal?: AbortSignal | undefined;
}

/** Words that may come next. */
export interface Suggestions {
  /** Distinct words, most likely first; fewer than requested if the model finds no more that are likely enough. */
  words: SuggestedWord[];
  /** The part of the word that is already typed. */
  begun: string;
  /** The number of tokens that were computed, and the time that it took. */
  timings: { tokens: number; ms: number };
}

/** A token and its log probability. */
export interface TokenLogprob {
  /** Its text. Bytes that do not form whole characters are written as `\\xf0\\x9f`. */
  token: string;
  /** The natural logarithm of its probability, at least -9999. */
  logprob: number;
  /** Its bytes in UTF-8. A character may consist of several tokens. */
  bytes: number[];
}

/** The log probabilities of a chat's tokens. */
export interface ChatLogprobs {
  /** One entry per token, in order; `top_logprobs` lists the most likely tokens at that position, most likely first. */
  content: (TokenLogprob & { top_logprobs: TokenLogprob[] })[];
  refusal: null;
}

/** The log probabilities of a completion's tokens. */
export interface CompletionLogprobs {
  /** Their texts. Bytes that do not form whole characters are written as `bytes:\\xf0\\x9f`. */
  tokens: string[];
  token_logprobs: number[];
  /** The most likely tokens at each position, and the one that was chosen. */
  top_logprobs: Record<string, number>[];
  /**
   * Where each token begins in the text, in UTF-16 units. With a stop text, this may be after the end of the returned
   * text.
   */
  text_offset: number[];
}

/** Why a text ended: `stop`, by the model or a stop text; `length`, by `max_tokens` or the end of the context. */
export type TextFinishReason = 'stop' | 'length';

/** Why an answer ended; `tool_calls`: the model waits for the results of its calls. */
export type FinishReason = TextFinishReason | 'tool_calls';

/** Token counts. */
export interface Usage {
  /** Prompt tokens. */
  prompt_tokens: number;
  /** Generated tokens, including those of the reasoning and the end-of-turn token. */
  completion_tokens: number;
  /** The sum of both. */
  total_tokens: number;
  /** How many of the generated tokens were reasoning. */
  completion_tokens_details: { reasoning_tokens: number };
}

/** How much of a prompt has been read, in tokens. */
export interface PromptProgress {
  /** Tokens that have been read. */
  processed: number;
  /** Tokens of the whole prompt. */
  total: number;
}

/**
 * A whole answer.
 *
 * @typeParam Content `string | null` for a request with tools: tool calls may come without content
 */
export interface ChatCompletion<Content extends string | null = string> {
  id: string;
  object: 'chat.completion';
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: [
    {
      index: 0;
      message: {
        role: 'assistant';
        /** The text; `null` if there are only tool calls. */
        content: Content;
        /** What the model wrote before its answer, if it reasons. */
        reasoning_content?: string;
        /** The same under its newer name. */
        reasoning?: string;
        tool_calls?: ChatToolCall[];
      };
      logprobs?: ChatLogprobs;
      finish_reason: FinishReason;
      tokens: number[];
    },
  ];
  usage: Usage;
  timings: Timings;
}

/**
 * A chunk of an answer. The last one has `finish_reason`, `timings` and, unless {@link UsageChoice} says otherwise,
 * `usage`.
 */
export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: [
    {
      index: 0;
      delta: {
        role?: 'assistant';
        content?: string;
        reasoning_content?: string;
        /** The same as `reasoning_content`. */
        reasoning?: string;
        tool_calls?: ChatToolCallDelta[];
      };
      /** Log probabilities of this chunk's tokens, if the request asks for them. */
      logprobs?: ChatLogprobs;
      finish_reason: FinishReason | null;
      /** The token ids of this chunk. Its text may be empty, since a character can take several tokens. */
      tokens: number[];
    },
  ];
  prompt_progress?: PromptProgress;
  usage?: Usage;
  timings?: Timings;
}

/** The last chunk of a stream with `include_usage: true`. */
export interface ChatUsageChunk extends Omit<ChatCompletionChunk, 'choices' | 'usage'> {
  choices: [];
  usage: Usage;
}

/** A whole completion. */
export interface Completion {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: [
    { index: 0; text: string; logprobs?: CompletionLogprobs; finish_reason: TextFinishReason; tokens: number[] },
  ];
  usage: Usage;
  timings: Timings;
}

/**
 * A chunk of a completion. The last one has `finish_reason`, `timings` and, unless {@link UsageChoice} says otherwise,
 * `usage`.
 */
export interface CompletionChunk {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: [
    { index: 0; text: string; logprobs?: CompletionLogprobs; finish_reason: TextFinishReason | null; tokens: number[] },
  ];
  prompt_progress?: PromptProgress;
  usage?: Usage;
  timings?: Timings;
}

/** The last chunk of a stream with `include_usage: true`. */
export interface UsageChunk extends Omit<CompletionChunk, 'choices' | 'usage'> {
  choices: [];
  usage: Usage;
}
