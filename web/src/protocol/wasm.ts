import type { DecideEvent, EngineReport, GenerationEvent, LoaderOptions, SuggestEvent } from './generated.ts';

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
  /** Takes the JSON of {@link LoaderOptions}. */
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
  info(): EngineReport;
  /** Whether the answer must have a form. Throws if the request is invalid. */
  isConstrained(requestJson: string): boolean;
  /** The model's tokens, for another module: the bytes of all texts, and the length of each. */
  tokens(): [bytes: Uint8Array, lengths: Uint32Array];
  /** Starts an answer. One that must have a form needs a compiler. */
  generate(requestJson: string, compiler?: ConstraintCompiler): WasmGeneration;
  /** Searches for words that may come next. */
  suggest(requestJson: string): WasmGeneration;
  /** Computes how likely each of some answers is. */
  decide(requestJson: string): WasmGeneration;
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

/** Compiles what an answer must fit, for the engine. Errors are objects with `code`, `path` and `reason`. */
export interface ConstraintCompiler {
  compile(specJson: string): unknown;
}

/** An answer in progress. */
export interface WasmGeneration {
  /** Runs one prefill chunk or one decode step. Must not be called after the last event. */
  next(): Promise<GenerationEvent | SuggestEvent | DecideEvent>;
  /** Makes the next `next()` end with the finish reason `cancelled`. */
  cancel(): void;
  free(): void;
}
