import type { Backend, KvFormat, LoadProgress, StorageUse } from './protocol.ts';
import type { Timings, Usage } from './wasm.ts';

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
  /** Called as loading proceeds, about ten times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** Ends loading. What has been downloaded is kept for the next time. */
  signal?: AbortSignal;
}

/** One message of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  /** The text, whole or in OpenAI's parts. */
  content: string | readonly { type: 'text'; text: string }[];
}

/** What both kinds of request share; unset fields take the engine's defaults. */
export interface GenerationOptions {
  /** Tokens to generate at most. */
  max_tokens?: number | null;
  /** 0 always takes the likeliest token. */
  temperature?: number | null;
  top_p?: number | null;
  top_k?: number | null;
  min_p?: number | null;
  repetition_penalty?: number | null;
  presence_penalty?: number | null;
  frequency_penalty?: number | null;
  /** The same seed gives the same answer on the same device. */
  seed?: number | null;
  /** Texts before which the answer ends. */
  stop?: string | readonly string[] | null;
  /** Goes on after the model's end-of-text token: for measuring. */
  ignore_eos?: boolean;
  /** Ends the answer; the request then fails with `aborted`. */
  signal?: AbortSignal;
}

/** A request to answer a conversation. */
export interface ChatRequest extends GenerationOptions {
  messages: readonly ChatMessage[];
  stream?: boolean | null;
  /** With `stream`: also gives chunks that say how much of the prompt has been read. */
  return_progress?: boolean;
}

/** A request to go on with a text, or with token ids. */
export interface CompletionRequest extends GenerationOptions {
  prompt: string | readonly number[];
  stream?: boolean | null;
  /** With `stream`: also gives chunks that say how much of the prompt has been read. */
  return_progress?: boolean;
}

/** Why an answer ended: the model (or a stop text) ended it, or `max_tokens` or the context did. */
export type FinishReason = 'stop' | 'length';

/** How much of a prompt has been read, in tokens. */
export interface PromptProgress {
  processed: number;
  total: number;
}

/** A whole answer. */
export interface ChatCompletion {
  id: string;
  object: 'chat.completion';
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: [{ index: 0; message: { role: 'assistant'; content: string }; finish_reason: FinishReason; tokens: number[] }];
  usage: Usage;
  timings: Timings;
}

/** A piece of an answer. The last one carries `finish_reason`, `usage` and `timings`. */
export interface ChatCompletionChunk {
  id: string;
  object: 'chat.completion.chunk';
  created: number;
  model: string;
  choices: [
    {
      index: 0;
      delta: { role?: 'assistant'; content?: string };
      finish_reason: FinishReason | null;
      /** The ids behind this piece. Its text may be empty: a character can take several tokens. */
      tokens: number[];
    },
  ];
  prompt_progress?: PromptProgress;
  usage?: Usage;
  timings?: Timings;
}

/** A whole continuation. */
export interface Completion {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: [{ index: 0; text: string; finish_reason: FinishReason; tokens: number[] }];
  usage: Usage;
  timings: Timings;
}

/** A piece of a continuation. The last one carries `finish_reason`, `usage` and `timings`. */
export interface CompletionChunk {
  id: string;
  object: 'text_completion';
  created: number;
  model: string;
  choices: [{ index: 0; text: string; finish_reason: FinishReason | null; tokens: number[] }];
  prompt_progress?: PromptProgress;
  usage?: Usage;
  timings?: Timings;
}
