import type { Backend, KvFormat, LoadProgress, Pace, StorageUse, WhenBusy, WhenHidden } from '../protocol/messages.ts';
import type { SuggestedWord, Timings, Usage } from '../protocol/wasm.ts';

/** How to load a model. */
export interface LoadOptions {
  /** The compute path; `auto` by default. */
  backend?: Backend;
  /**
   * At most so many threads on the CPU path; by default as many as help. More than one only where the page is cross-origin
   * isolated. `info().threads` says how many there are.
   */
  threads?: number;
  /** Tokens that the context shall hold; by default what the model was trained for, or less where memory is short. */
  contextLength?: number;
  /** How the context's keys and values are held: `f16` by default; `q8_0` takes about half the memory, `f32` twice as much. */
  kvFormat?: KvFormat;
  /**
   * Bytes that the model may take, all in all. One that would take more is refused with `out-of-memory` as soon as its header has
   * come; `details` has what it would take (`weights`, `kv`, `scratch`) and, as `smaller`, options with which it would fit.
   */
  memoryLimit?: number;
  /** Folders of yours that hold copies of the listed models. They are asked before a model's public home. */
  modelBase?: string | URL | readonly (string | URL)[];
  /**
   * Whether the model is kept in the browser's storage, so that the next load needs no network. `auto`, the default: if it can be;
   * `info().notStored` says why not. `required`: what cannot be stored is not loaded, and fails with `quota` or `no-storage` before
   * it is fetched. `none`: what is stored is not used, and nothing is.
   */
  storage?: StorageUse;
  /**
   * What is done if the page died while it loaded this model, or while it gave the first answer, as phones do to pages that take too
   * much. `auto`, the default: the next visit takes a smaller context, then the CPU (where `backend` is `auto`), and `info().recovered`
   * says so; after that the load fails with `out-of-memory`, and `details.smaller` names a smaller listed model. `smaller-model`: that
   * one is loaded instead. `off`: nothing. `Linnet.resetRecovery` forgets what happened, and so do seven days.
   */
  recovery?: 'auto' | 'smaller-model' | 'off';
  /**
   * What becomes of an answer while the page is hidden: `go-on`, the default; or `pause` until it is seen again. Requests behind one
   * that waits wait, too. A request may say otherwise (`when_hidden`).
   */
  whenHidden?: WhenHidden;
  /**
   * Keeps the screen on while a long answer is written, where the browser can; `false` by default. A request may say otherwise
   * (`keep_awake`).
   */
  keepAwake?: boolean;
  /** How fast answers are computed; `full` by default. A request may say otherwise (`pace`). */
  pace?: Pace;
  /** Called as loading proceeds, about ten times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** Ends loading, within a second. What has been downloaded is kept for the next time. */
  signal?: AbortSignal;
}

/** One message of a conversation. Messages as OpenAI's client gives them can be sent back as they are. */
export interface ChatMessage {
  /** Whose it is. `developer` is a newer word for `system`; `tool` gives what a tool call came to. */
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool';
  /** The text, whole or in OpenAI's parts, of which there may be 10,000 in a conversation. Templates that want one text get them with line feeds between them. */
  content: string | readonly { type: 'text'; text: string }[];
  /** Who speaks, for templates that tell. */
  name?: string | null;
}

/** An assistant's message that asks for tool calls, in a conversation that another model has begun. */
export interface ChatToolCalls {
  role: 'assistant';
  content?: ChatMessage['content'] | null;
  tool_calls: readonly { id?: string; type?: 'function'; function: { name: string; arguments: string } }[];
}

/** What a tool call came to. */
export interface ChatToolResult extends ChatMessage {
  role: 'tool';
  tool_call_id?: string | null;
}

/**
 * What both kinds of request share; unset fields (or `null`) are as the listed model's makers recommend (`ListedModel.sampling`), and
 * else take the engine's defaults. A field of OpenAI's API that is not here is
 * refused with `invalid-request` (`details.field` names it): it would do nothing.
 */
export interface GenerationOptions {
  /** Tokens to generate at most; as many as the context holds by default. */
  max_tokens?: number | null;
  /** OpenAI's newer name of `max_tokens`. */
  max_completion_tokens?: number | null;
  /** The model that is meant: its name, its id, or a file's name or address. Another one than the loaded one is refused. */
  model?: string | null;
  /** How many answers; there is one. */
  n?: 1 | null;
  /** What becomes of the request if the engine is answering another one; `queue` by default. */
  busy?: WhenBusy | null;
  /** What becomes of the answer while the page is hidden; as `LoadOptions.whenHidden` says by default. */
  when_hidden?: WhenHidden | null;
  /** Whether the screen stays on while it is written, if that takes long; as `LoadOptions.keepAwake` says by default. */
  keep_awake?: boolean | null;
  /** How fast it is computed; as `LoadOptions.pace` says by default. */
  pace?: Pace | null;
  /** 0 always takes the likeliest token; 0.8 by default. */
  temperature?: number | null;
  /** Only the likeliest tokens that together have this probability; 0.95 by default, 1 is off. */
  top_p?: number | null;
  /** Only so many of the likeliest tokens; 40 by default, 0 is off. */
  top_k?: number | null;
  /** No token less likely than this share of the likeliest one; 0.05 by default, 0 is off. */
  min_p?: number | null;
  /** Divides the logits of the last 64 tokens (multiplies negative ones); 1, which is off, by default. */
  repetition_penalty?: number | null;
  /** Subtracted once from the logit of each token of the answer so far; 0 by default. */
  presence_penalty?: number | null;
  /** Subtracted from a token's logit for each time that it is in the answer so far; 0 by default. */
  frequency_penalty?: number | null;
  /**
   * Added to the logits of tokens, by their ids, before anything else is done to them: -100, which bans a token, to 100, which leaves no
   * other. (A GPU then chooses no tokens by itself: each comes back on its own, which takes longer.)
   */
  logit_bias?: Readonly<Record<number, number>> | null;
  /** The same seed gives the same answer on the same device. */
  seed?: number | null;
  /** Texts before which the answer ends: up to 64 of up to 1,000 characters. */
  stop?: string | readonly string[] | null;
  /** Goes on after the model's end-of-text token: for measuring. */
  ignore_eos?: boolean | null;
  /** Ends the answer, or the waiting for it; within a second the request fails with `aborted`. */
  signal?: AbortSignal;
}

/**
 * Where a stream has its `usage`. Unset, the chunk that ends the answer has it. With `include_usage: true` it comes in a chunk of its
 * own behind that one, without choices, as OpenAI's API has it; with `false` not at all.
 */
export interface UsageChoice {
  /** OpenAI's options of streams. */
  stream_options: { include_usage?: boolean | null } | null;
}

/** A request to answer a conversation. */
export interface ChatRequest extends GenerationOptions {
  /**
   * The conversation so far, oldest first; up to 10,000 messages. If its last message is the assistant's, the answer goes on with that
   * text and is only what follows it, as in vLLM and llama.cpp.
   */
  messages: readonly (ChatMessage | ChatToolCalls | ChatToolResult)[];
  /**
   * Whether the answer tells how likely its tokens were: by the model itself, that is before bias, penalties, temperature and filters. (It
   * slows a GPU as `logit_bias` does.)
   */
  logprobs?: boolean | null;
  /** With `logprobs`: how many of the likeliest tokens it tells of as well, at each place; 0, which is none, to 20. */
  top_logprobs?: number | null;
  /** Whether the answer comes piece by piece. */
  stream?: boolean | null;
  /** With `stream`: also gives chunks that say how much of the prompt has been read. */
  return_progress?: boolean | null;
}

/** A request to go on with a text, or with token ids. */
export interface CompletionRequest extends GenerationOptions {
  /** The text to go on with, or its token ids. */
  prompt: string | readonly number[];
  /** Tells how likely the tokens were, as a chat's `logprobs` does, and so many of the likeliest at each place: 0 to 5. */
  logprobs?: number | null;
  /** Whether the continuation comes piece by piece. */
  stream?: boolean | null;
  /** With `stream`: also gives chunks that say how much of the prompt has been read. */
  return_progress?: boolean | null;
}

/** What tokens are to be counted of. */
export type CountRequest = Pick<ChatRequest, 'messages'> | Pick<CompletionRequest, 'prompt'>;

/** A wish for words that may come next. */
export interface SuggestRequest {
  /** The text up to where somebody types. */
  prefix: string;
  /** How many words, 1 to 10; 3 by default. */
  words?: number;
  /** Milliseconds after which the words found so far are given; if there is none yet, the search goes on for the first one. */
  within?: number;
  /** Ends the search; it then fails with `aborted`. */
  signal?: AbortSignal | undefined;
}

/** Words that may come next. */
export interface Suggestions {
  /** Each once, the likeliest first; fewer than were wished for where the model finds no more likely up to their end. */
  words: SuggestedWord[];
  /** What is typed of the word already. */
  begun: string;
  /** Tokens that were run for it, and how long the engine took. */
  timings: { tokens: number; ms: number };
}

/** A token and how likely it was. */
export interface TokenLogprob {
  /** Its text; bytes that are no whole characters are written as `\\xf0\\x9f`. */
  token: string;
  /** The natural logarithm of its probability, -9999 at least. */
  logprob: number;
  /** Its bytes in UTF-8. Several tokens may make up a character. */
  bytes: number[];
}

/** How likely a chat's tokens were. */
export interface ChatLogprobs {
  /** Of each token, in order; `top_logprobs` has the likeliest at that place, the likeliest first. */
  content: (TokenLogprob & { top_logprobs: TokenLogprob[] })[];
  refusal: null;
}

/** How likely a continuation's tokens were. */
export interface CompletionLogprobs {
  /** Their texts; bytes that are no whole characters are written as `bytes:\\xf0\\x9f`. */
  tokens: string[];
  token_logprobs: number[];
  /** The likeliest at each place, and the one that was chosen. */
  top_logprobs: Record<string, number>[];
  /** Where each begins in the continuation, as JavaScript counts. (With a stop text it may lie behind the end of what is given.) */
  text_offset: number[];
}

/** Why an answer ended: the model (or a stop text) ended it, or `max_tokens` or the context did. */
export type FinishReason = 'stop' | 'length';

/** How much of a prompt has been read, in tokens. */
export interface PromptProgress {
  /** So many are read. */
  processed: number;
  /** So many there are. */
  total: number;
}

/** A whole answer. */
export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: [{ index: 0; message: { role: 'assistant'; content: string }; logprobs?: ChatLogprobs; finish_reason: FinishReason; tokens: number[] }];
  usage: Usage;
  timings: Timings;
}

/** A piece of an answer. The last one carries `finish_reason`, `timings` and, unless {@link UsageChoice} says otherwise, `usage`. */
export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: [
    {
      index: 0;
      delta: { role?: 'assistant'; content?: string };
      /** Of this piece's tokens, if the request wants to know. */
      logprobs?: ChatLogprobs;
      finish_reason: FinishReason | null;
      /** The ids behind this piece. Its text may be empty: a character can take several tokens. */
      tokens: number[];
    },
  ];
  prompt_progress?: PromptProgress;
  usage?: Usage;
  timings?: Timings;
}

/** What ends a stream with `include_usage: true`. */
export interface ChatUsageChunk extends Omit<ChatCompletionChunk, 'choices' | 'usage'> {
  choices: [];
  usage: Usage;
}

/** A whole continuation. */
export interface Completion {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: [{ index: 0; text: string; logprobs?: CompletionLogprobs; finish_reason: FinishReason; tokens: number[] }];
  usage: Usage;
  timings: Timings;
}

/** A piece of a continuation. The last one carries `finish_reason`, `timings` and, unless {@link UsageChoice} says otherwise, `usage`. */
export interface CompletionChunk {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: [{ index: 0; text: string; logprobs?: CompletionLogprobs; finish_reason: FinishReason | null; tokens: number[] }];
  prompt_progress?: PromptProgress;
  usage?: Usage;
  timings?: Timings;
}

/** What ends a stream with `include_usage: true`. */
export interface UsageChunk extends Omit<CompletionChunk, 'choices' | 'usage'> {
  choices: [];
  usage: Usage;
}
