// Generated from the types in crates/engine. Do not edit it; run
// LINNET_UPDATE_TYPES=1 cargo test -p linnet-engine generated_types

/** A compute path. */
export type BackendKind = 'webgpu' | 'cpu';
export const BACKEND_KINDS = ['webgpu', 'cpu'] as const satisfies BackendKind[];

/** A number format of the KV cache. */
export type KvFormat = 'f16' | 'f32' | 'q8_0';
export const KV_FORMATS = ['f16', 'f32', 'q8_0'] as const satisfies KvFormat[];

/**
 * The stable code of an error, on which a program may branch.
 *
 * - `bad-model`: the file is not a GGUF file, or it is damaged
 * - `unsupported-architecture`: the file is valid, but this engine does not support its architecture, or a variant of
 * it
 * - `unsupported-quantization`: the file is valid, but this engine does not support the type of a tensor
 * - `unsupported-tokenizer`: the file is valid, but this engine does not support its tokenizer
 * - `bad-template`: the model's chat template cannot be rendered, or drops the message at `details.field`
 * - `out-of-memory`: the model or its context does not fit into this device, or is larger than `memoryLimit`. If this
 * was known from the file's header, `details.smaller` has a context length and a KV format that would fit, if there are
 * any
 * - `device-lost`: the GPU is gone (driver reset, sleep, too little memory)
 * - `no-webgpu`: WebGPU was requested, but this browser or device has none
 * - `no-simd`: the browser cannot run wasm SIMD
 * - `blocked`: the page forbids what the engine needs. Its policy lacks `'wasm-unsafe-eval'` or forbids the worker, or
 * the page is in a frame whose `sandbox` lacks `allow-same-origin`, so that it cannot start workers; `details.needs`
 * says which
 * - `network`: there is no connection, or it broke and could not be resumed
 * - `not-found`: the server has no such file (404, 410)
 * - `http`: the server answered with another error status
 * - `integrity`: the file's length or SHA-256 does not match
 * - `quota`: the browser has too little space for what must be stored
 * - `no-storage`: the browser stores no files for this page (a private window, blocked site data, no HTTPS), or another
 * tab is using the model
 * - `aborted`: by the caller's signal, or by `dispose()`
 * - `context-full`: the conversation is longer than the context
 * - `busy`: the engine is answering another request, and this one must not wait (`busy: 'refuse'`)
 * - `invalid-request`: an argument is invalid or not supported; `details.field` is its path, for example
 * `messages[1].content`
 * - `bad-constraint`: the schema, expression or grammar of an answer is malformed, or cannot be enforced exactly;
 * `details.kind` says which (`invalid`, `unsupported`, `unsatisfiable`, `too-complex`), `details.path` where in the
 * schema
 * - `internal`: a fault of Linnet itself
 */
export type LinnetErrorCode = (typeof LINNET_ERROR_CODES)[number];
export const LINNET_ERROR_CODES = [
  'bad-model',
  'unsupported-architecture',
  'unsupported-quantization',
  'unsupported-tokenizer',
  'bad-template',
  'out-of-memory',
  'device-lost',
  'no-webgpu',
  'no-simd',
  'blocked',
  'network',
  'not-found',
  'http',
  'integrity',
  'quota',
  'no-storage',
  'aborted',
  'context-full',
  'busy',
  'invalid-request',
  'bad-constraint',
  'internal',
] as const;

/** The sampling parameters of a request. */
export interface SamplingParameters {
  /** Sampling temperature; 0 always takes the most likely token; 0.8 by default. */
  temperature?: number | null;
  /** Samples only from this many of the most likely tokens; 40 by default, 0 turns it off. */
  top_k?: number | null;
  /** Samples only from the most likely tokens whose probabilities add up to this; 0.95 by default, 1 turns it off. */
  top_p?: number | null;
  /**
   * Rejects tokens whose probability is below this fraction of the most likely token's; 0.05 by default, 0 turns it
   * off.
   */
  min_p?: number | null;
  /**
   * Divides positive logits of the last 64 tokens by this, and multiplies negative ones; 1 by default, which turns it
   * off.
   */
  repetition_penalty?: number | null;
  /** Subtracted once from the logit of each token that the answer already contains; 0 by default. */
  presence_penalty?: number | null;
  /** Subtracted from a token's logit for each time that the answer already contains it; 0 by default. */
  frequency_penalty?: number | null;
}

/** Their defaults. */
export const SAMPLING_DEFAULTS = {
  temperature: 0.8,
  top_k: 40,
  top_p: 0.95,
  min_p: 0.05,
  repetition_penalty: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
} as const satisfies Required<SamplingParameters>;

/** The options of a load in a page. */
export type LoaderOptions = {
  /** Where the model runs. */
  backend: BackendKind;
  /** Context length; by default the model's own, limited to what fits a phone. */
  context_length?: number | null;
  /** Number of threads on the CPU; by default as many as there are. */
  threads?: number | null;
  /** Element type of the KV cache; `f16` by default. */
  kv?: KvFormat | null;
  /** Memory limit for the model in bytes. */
  memory_limit?: number | null;
  /** What an earlier load on this device measured. */
  measured?: string | null;
};

/** Whether a model reasons before it answers. */
export type ReasoningSupport = 'none' | 'always' | 'optional';

/** What is loaded and where it runs. Sizes are in bytes. */
export type EngineReport = {
  /** The model. */
  model: {
    /** The name in the file, or empty. */
    name: string;
    /** Its architecture. */
    architecture: string;
    /** Number of weights. */
    parameters: number;
    /** The most common block format, by bytes. */
    quantization: string;
    /** The context length of this engine, in tokens. */
    context_length: number;
    /** The context length that the model was trained for, in tokens. */
    training_context_length: number;
    /** Length of the file in bytes. */
    file_bytes: number;
    /** Whether the file has a usable chat template; without one only `completions` works. */
    chat: boolean;
    /** Whether the model reasons before it answers, and whether a request can turn that off. */
    reasoning: ReasoningSupport;
    /** Whether it reasons if a request does not say. */
    thinks: boolean;
    /** Whether the chat template describes tools to the model; otherwise Linnet's own text does. */
    tools: boolean;
  };
  /** Where it runs. */
  backend: BackendKind;
  /** The GPU in use, if any. */
  adapter?: {
    /** Its description. */
    description: string;
    /** Whether it is emulated in software. */
    fallback: boolean;
  };
  /** Capabilities in use, such as `subgroups` or `simd128`. */
  features: Array<string>;
  /** Features that were turned off because the self-test found wrong results on this device, and why. */
  disabled_features?: Array<string>;
  /** Number of threads that compute. */
  threads: number;
  /** Memory in use. */
  memory: {
    /** Weights. */
    weights: number;
    /** KV cache. */
    kv: number;
    /** Activations and staging. */
    scratch: number;
  };
};

/** Token counts, named as in OpenAI's API. */
export type Usage = {
  /** Prompt tokens. */
  prompt_tokens: number;
  /** Generated tokens, including the end-of-turn token. */
  completion_tokens: number;
  /** The sum of both. */
  total_tokens: number;
  /** Generated tokens that are reasoning. */
  reasoning_tokens: number;
};

/**
 * Speeds, named and counted as in llama.cpp's server: the time of the first token counts as prompt time, but the token
 * counts as predicted.
 */
export type Timings = {
  /** Prompt tokens that were run, without those already in the KV cache. */
  prompt_n: number;
  /** From the start to the first token. */
  prompt_ms: number;
  /** Prompt tokens per second. */
  prompt_per_second: number;
  /** Tokens generated. */
  predicted_n: number;
  /** From the first token to the last. */
  predicted_ms: number;
  /** Generated tokens per second. */
  predicted_per_second: number;
};

/** GPU work per generated token, averaged over an answer. */
export type Counters = {
  /** Kernel dispatches. */
  dispatches: number;
  /** Submits. */
  submits: number;
  /** Bind groups created; all are created at load, so this is 0. */
  bind_groups: number;
  /** Buffers created; all are created at load, so this is 0. */
  buffers: number;
  /** Pipelines created; all are created at load, so this is 0. */
  pipelines: number;
  /** Bytes written to GPU memory. */
  bytes_written: number;
  /** Bytes read from GPU memory. */
  bytes_read: number;
  /** Reads of GPU memory. */
  readbacks: number;
  /** Microseconds during which the GPU's queue was known to be empty. */
  queue_empty_us: number;
};

/** Why an answer ended. */
export type EngineFinishReason = 'stop' | 'tool_calls' | 'length' | 'cancelled';

/** A token and its log probability. */
export type EngineTokenLogprob = {
  /** The token. */
  token: number;
  /** Its bytes, which may not be valid UTF-8; for a control token, its name. */
  bytes: Array<number>;
  /** Its log probability, at least -9999. */
  logprob: number;
};

/**
 * The log probability of a sampled token and of the most likely ones. The probabilities are the softmax of the model's
 * logits before bias, penalties, temperature and filters.
 */
export type EngineLogprobs = {
  /** Offset of its text in the answer, in UTF-16 code units; for part of a character, the offset of the character. */
  offset: number;
  /** The most likely tokens, in descending order. */
  top: Array<EngineTokenLogprob>;
  /** The token. */
  token: number;
  /** Its bytes, which may not be valid UTF-8; for a control token, its name. */
  bytes: Array<number>;
  /** Its log probability, at least -9999. */
  logprob: number;
};

/** A piece of a tool call. */
export type ToolCallDelta = {
  /** Its place among the answer's calls. */
  index: number;
  /** The call's id; present in its first piece only. */
  id?: string;
  /** The function's name; present in its first piece only. */
  name?: string;
  /** More of the arguments' JSON text, possibly empty. */
  arguments: string;
};

/** The end of an answer. */
export type Done = {
  /** The reason. */
  finish_reason: EngineFinishReason;
  /** The last text, possibly empty. */
  text: string;
  /** More of the reasoning. */
  reasoning?: string;
  /** More of the tool calls. */
  tool_calls?: Array<ToolCallDelta>;
  /** Token counts. */
  usage: Usage;
  /** Speeds. */
  timings: Timings;
  /** GPU work of each token after the first; absent without a GPU. */
  counters?: Counters;
};

/** An event of an answer. */
export type GenerationEvent = {
  type: 'prefill';
  /** Prompt tokens in the KV cache. */
  done: number;
  /** Number of prompt tokens. */
  total: number;
} | {
  type: 'token';
  /** The text that this token completes, possibly empty. */
  text: string;
  /** More of the reasoning. */
  reasoning?: string;
  /** More of the tool calls. */
  tool_calls?: Array<ToolCallDelta>;
  /** The token. */
  token: number;
  /** Number of tokens computed with it; the next calls return them without running the model. */
  left?: number;
  /** Its log probability, if the request asks for it. */
  logprobs?: EngineLogprobs;
} | {
  type: 'done';
} & Done;

/** A suggested word. */
export type SuggestedWord = {
  /** The whole word; the typed part keeps its spelling. */
  word: string;
  /** The text to append to complete the word. */
  completion: string;
};

/** The suggested words. */
export type FoundWords = {
  /**
   * The words without duplicates, most likely first; fewer than requested if the model finds no more that are likely to
   * their end.
   */
  words: Array<SuggestedWord>;
  /** The typed part of the word. */
  begun: string;
  /** `stop`, or `cancelled` if some words may be missing. */
  finish_reason: EngineFinishReason;
  /** Tokens that were run. */
  tokens: number;
  /** Duration in milliseconds. */
  ms: number;
};

/** An event of a search for words. */
export type SuggestEvent = {
  type: 'step';
} | {
  type: 'words';
} & FoundWords;

/** An option and how likely it is. */
export type EngineOption = {
  /** The option. */
  option: string;
  /** Its probability among the options: the softmax of their log probabilities. */
  probability: number;
  /** The log probability that the model's answer begins with this option, and not with a longer one. */
  logprob: number;
};

/** The work for a decision. */
export type DecisionTimings = {
  /** Tokens that were run. */
  tokens: number;
  /** Duration in milliseconds. */
  ms: number;
};

/** The probabilities of the options for one text. */
export type EngineDecision = {
  /** The most likely option; the first of them on a tie. */
  choice: string;
  /** All options, in the order of the request. */
  options: Array<EngineOption>;
  /** The work that it took. */
  timings: DecisionTimings;
};

/** The decisions of a request. */
export type Decisions = {
  /** One for each text in order, or just one. */
  decisions: Array<EngineDecision>;
  /** `stop`, or `cancelled` if some are missing. */
  finish_reason: EngineFinishReason;
};

/** An event of a decision. */
export type DecideEvent = {
  type: 'deciding';
  /** Decisions made. */
  done: number;
  /** Decisions to make. */
  total: number;
} | {
  type: 'decided';
} & Decisions;
