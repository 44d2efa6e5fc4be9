/** The wasm module that was loaded: what it uses of the engine, and whether it can compute with several threads. */
export type ModuleName = 'simd128' | 'simd128-threads' | 'relaxed-simd' | 'relaxed-simd-threads';

/** A wasm module, started. Every failure of its functions is an `Error` with `code` and `details`. */
export interface WasmModule {
  name: ModuleName;
  memory: WebAssembly.Memory;
  /** How large the memory may become, in bytes. */
  mostBytes: number;
  /** Whether bytes are still what they were, fast. */
  Checksum: new () => WasmHash;
  /** Whether bytes are the ones that they should be. */
  Sha256: new () => WasmHash;
  Loader: { create(optionsJson: string): Promise<WasmLoader> };
}

/** A hash of bytes that come in pieces. */
export interface WasmHash {
  update(bytes: Uint8Array): void;
  hex(): string;
  free(): void;
}

/** Takes a file's bytes, in order, and makes an engine of them. Of a split model it takes all parts, one after the other. */
export interface WasmLoader {
  /**
   * The beginnings of a split model's later parts, before the first part's bytes. True when that part's header is complete:
   * then comes the next one's. An empty piece means that the file has ended, and throws.
   */
  readAhead(bytes: Uint8Array): boolean;
  /** Between two parts. */
  nextPart(): void;
  /** The file's next bytes. They may be reused once the promise has settled. */
  push(bytes: Uint8Array): Promise<void>;
  /** After the last byte. The loader is used up, whether this succeeds or not. */
  finish(): Promise<WasmEngine>;
  free(): void;
}

/** A loaded model. */
export interface WasmEngine {
  /** JSON of an {@link EngineReport}. */
  info(): string;
  generate(requestJson: string): WasmGeneration;
  /** Looks for words that may come next. */
  suggest(requestJson: string): WasmGeneration;
  /** Tokens of a request's prompt. Runs nothing; not to be called while a step runs. */
  countTokens(requestJson: string): number;
  /** What measuring kernels on this GPU has found, for `measured` of the next load. */
  measured(): string | undefined;
  /** Lets go of the model, because its device is lost. Answers in progress wait for {@link WasmEngine.replace}. */
  unload(): void;
  /** Takes another engine's model for its own; that one is used up. Answers in progress go on with it. */
  replace(other: WasmEngine): void;
  free(): void;
}

/** One answer in the making. */
export interface WasmGeneration {
  /** One prefill chunk or one decode step; JSON of a {@link GenerationEvent} or a {@link SuggestEvent}. Not to be called after the last. */
  next(): Promise<string>;
  /** Makes the next `next()` end with finish reason `cancelled`. */
  cancel(): void;
  free(): void;
}

/** What `WasmEngine.info()` says. Sizes are bytes. */
export interface EngineReport {
  model: {
    name: string;
    architecture: string;
    parameters: number;
    quantization: string;
    /** Tokens that fit into the context of this engine. */
    context_length: number;
    /** Tokens that the model was trained for. */
    training_context_length: number;
    file_bytes: number;
    /** Whether the file has a chat template that can be used; without one only `completions` can be used. */
    chat: boolean;
  };
  backend: 'cpu' | 'webgpu';
  /** The GPU, where one is used. */
  adapter?: {
    description: string;
    /** Whether it is played by software. */
    fallback: boolean;
  };
  /** Capabilities that were found and are used, such as `subgroups` or `simd128`. */
  features: string[];
  /** What was given up because it computed wrongly on this device when it was tried before the model was loaded, and why. */
  steps_down?: string[];
  threads: number;
  memory: { weights: number; kv: number; scratch: number };
}

/** Token counts of one request. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** Durations of one request, named as llama.cpp's server names them. */
export interface Timings {
  /** Prompt tokens that were computed. */
  prompt_n: number;
  prompt_ms: number;
  prompt_per_second: number;
  /** Tokens generated. */
  predicted_n: number;
  predicted_ms: number;
  predicted_per_second: number;
}

/** What a generated token asked of the GPU, on average over an answer. */
export interface Counters {
  /** Kernels started. */
  dispatches: number;
  submits: number;
  /** Objects made; all are made at load, so these are 0. */
  bind_groups: number;
  buffers: number;
  pipelines: number;
  bytes_written: number;
  bytes_read: number;
  /** Times that something was read back. */
  readbacks: number;
  /** Microseconds in which the GPU's queue was known to be empty. */
  queue_empty_us: number;
}

/** A step of an answer. */
export type GenerationEvent =
  | { type: 'prefill'; done: number; total: number }
  /** `left`: so many came with it, and follow at once. */
  | { type: 'token'; text: string; token: number; left?: number; logprobs?: EngineLogprobs }
  | { type: 'done'; finish_reason: 'stop' | 'length' | 'cancelled'; text: string; usage: Usage; timings: Timings; counters?: Counters };

/** A token, and how likely it was. */
export interface EngineLikely {
  token: number;
  /** Need not be whole characters. */
  bytes: number[];
  logprob: number;
}

/** What the engine tells of a token that was chosen, and of the most likely ones. */
export interface EngineLogprobs extends EngineLikely {
  /** Where its text begins in the answer, as JavaScript counts. */
  offset: number;
  top: EngineLikely[];
}

/** A word that may come next. */
export interface SuggestedWord {
  /** The whole word, with what was typed of it as it was typed. */
  word: string;
  /** What is to be put behind the text to have it there. */
  completion: string;
}

/** A step of a search for words. */
export type SuggestEvent =
  | { type: 'step' }
  | { type: 'words'; words: SuggestedWord[]; begun: string; finish_reason: 'stop' | 'cancelled'; tokens: number; ms: number };
