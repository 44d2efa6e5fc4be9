/** The wasm modules: with which SIMD instructions, and whether with threads. */
export type ModuleName = 'simd128' | 'simd128-threads' | 'relaxed-simd' | 'relaxed-simd-threads';

/** A started wasm module. Its functions throw an `Error` with `code` and `details`. */
export interface WasmModule {
  name: ModuleName;
  memory: WebAssembly.Memory;
  /** The largest size of the memory, in bytes. */
  mostBytes: number;
  /** A fast checksum against accidental changes. */
  Checksum: new () => WasmHash;
  /** A cryptographic hash. */
  Sha256: new () => WasmHash;
  Loader: { create(optionsJson: string): Promise<WasmLoader> };
}

/** A hash of bytes that arrive in pieces. */
export interface WasmHash {
  update(bytes: Uint8Array): void;
  hex(): string;
  free(): void;
}

/** Makes an engine of a file's bytes, passed in order. For a split model it takes all parts, one after the other. */
export interface WasmLoader {
  /**
   * Takes the beginnings of a split model's later parts, before the first part's bytes. Returns true when a part's
   * header is complete; then the next part's follows. An empty piece means the end of the file, and throws.
   */
  readAhead(bytes: Uint8Array): boolean;
  /** Call this between two parts. */
  nextPart(): void;
  /** Takes the file's next bytes. The buffer may be reused once the promise has settled. */
  push(bytes: Uint8Array): Promise<void>;
  /** Call this after the last byte. Afterwards the loader cannot be used, whether this succeeds or not. */
  finish(): Promise<WasmEngine>;
  free(): void;
}

/** A loaded model. */
export interface WasmEngine {
  /** JSON of an {@link EngineReport}. */
  info(): string;
  generate(requestJson: string): WasmGeneration;
  /** Searches for words that may come next. */
  suggest(requestJson: string): WasmGeneration;
  /** Counts the tokens of a request's prompt without running the model. Must not be called while a step runs. */
  countTokens(requestJson: string): number;
  /** The results of tuning kernels on this GPU, for `measured` of the next load. */
  measured(): string | undefined;
  /** Frees the model, because its device is lost. Answers in progress wait for {@link WasmEngine.replace}. */
  unload(): void;
  /**
   * Takes over another engine's model, after which that engine cannot be used. Answers in progress continue with it.
   */
  replace(other: WasmEngine): void;
  free(): void;
}

/** An answer in progress. */
export interface WasmGeneration {
  /**
   * Runs one prefill chunk or one decode step. Returns JSON of a {@link GenerationEvent} or a {@link SuggestEvent}.
   * Must not be called after the last event.
   */
  next(): Promise<string>;
  /** Makes the next `next()` end with the finish reason `cancelled`. */
  cancel(): void;
  free(): void;
}

/** The result of `WasmEngine.info()`. Sizes are in bytes. */
export interface EngineReport {
  model: {
    name: string;
    architecture: string;
    parameters: number;
    quantization: string;
    /** The context length of this engine, in tokens. */
    context_length: number;
    /** The context length that the model was trained for, in tokens. */
    training_context_length: number;
    file_bytes: number;
    /** Whether the file has a usable chat template; without one only `completions` works. */
    chat: boolean;
  };
  backend: 'cpu' | 'webgpu';
  /** The GPU, if one is used. */
  adapter?: {
    description: string;
    /** Whether it is emulated in software. */
    fallback: boolean;
  };
  /** Capabilities in use, such as `subgroups` or `simd128`. */
  features: string[];
  /** Features that were turned off because the self-test found wrong results on this device, and why. */
  disabled_features?: string[];
  threads: number;
  memory: { weights: number; kv: number; scratch: number };
}

/** Token counts of one request. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** Durations of one request, with the names of llama.cpp's server. */
export interface Timings {
  /** Prompt tokens that were computed. */
  prompt_n: number;
  prompt_ms: number;
  prompt_per_second: number;
  /** Generated tokens. */
  predicted_n: number;
  predicted_ms: number;
  predicted_per_second: number;
}

/** GPU work per generated token, averaged over an answer. */
export interface Counters {
  /** Kernel dispatches. */
  dispatches: number;
  submits: number;
  /** Objects created. All are created at load, so these are 0. */
  bind_groups: number;
  buffers: number;
  pipelines: number;
  bytes_written: number;
  bytes_read: number;
  /** Reads of GPU memory. */
  readbacks: number;
  /** Microseconds during which the GPU's queue was known to be empty. */
  queue_empty_us: number;
}

/** An event of an answer. */
export type GenerationEvent =
  | { type: 'prefill'; done: number; total: number }
  /** `left`: the number of tokens that arrived with this one and follow at once. */
  | { type: 'token'; text: string; token: number; left?: number; logprobs?: EngineLogprobs }
  | {
      type: 'done';
      finish_reason: 'stop' | 'length' | 'cancelled';
      text: string;
      usage: Usage;
      timings: Timings;
      counters?: Counters;
    };

/** A token and its log probability. */
export interface EngineLikely {
  token: number;
  /** May end within a character. */
  bytes: number[];
  logprob: number;
}

/** Log probabilities of a chosen token and of the most likely ones. */
export interface EngineLogprobs extends EngineLikely {
  /** Where its text begins in the answer, in UTF-16 units. */
  offset: number;
  top: EngineLikely[];
}

/** A word that may come next. */
export interface SuggestedWord {
  /** The whole word. The part that was typed is as it was typed. */
  word: string;
  /** The text to append to what was typed. */
  completion: string;
}

/** An event of a search for words. */
export type SuggestEvent =
  | { type: 'step' }
  | {
      type: 'words';
      words: SuggestedWord[];
      begun: string;
      finish_reason: 'stop' | 'cancelled';
      tokens: number;
      ms: number;
    };
