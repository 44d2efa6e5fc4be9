/**
 * The stable code of an error, on which a program may branch.
 *
 * - `bad-model`: the file is not a GGUF file, or it is damaged
 * - `unsupported-architecture`, `unsupported-quantization`, `unsupported-tokenizer`: the file is valid, but this engine
 * does not support it
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
 * - `internal`: a fault of Linnet itself
 */
export type LinnetErrorCode =
  | 'bad-model'
  | 'unsupported-architecture'
  | 'unsupported-quantization'
  | 'unsupported-tokenizer'
  | 'bad-template'
  | 'out-of-memory'
  | 'device-lost'
  | 'no-webgpu'
  | 'no-simd'
  | 'blocked'
  | 'network'
  | 'not-found'
  | 'http'
  | 'integrity'
  | 'quota'
  | 'no-storage'
  | 'aborted'
  | 'context-full'
  | 'busy'
  | 'invalid-request'
  | 'internal';

/** The facts of an error: a tensor's name, a limit, a status, a byte offset, ... */
export type ErrorDetails = Record<string, unknown>;

/** An error of Linnet. `code` is stable; `message` is for people and may change. */
export class LinnetError extends Error {
  override readonly name = 'LinnetError';

  constructor(
    /** The stable code. */
    readonly code: LinnetErrorCode,
    message: string,
    /** Facts about the error. */
    readonly details: ErrorDetails = {},
  ) {
    super(message);
  }
}

/** A `LinnetError` as it is sent between worker and page. */
export interface PlainError {
  code: LinnetErrorCode;
  message: string;
  details: ErrorDetails;
}

/** Turns an error into a form that can be posted. */
export function toPlain(error: unknown): PlainError {
  const { code, message, details } = toLinnetError(error);
  try {
    return { code, message, details: structuredClone(details) };
  } catch {
    // If its details cannot be sent, the error is sent without them.
    return { code, message, details: {} };
  }
}

/** The inverse of {@link toPlain}. */
export function fromPlain({ code, message, details }: PlainError): LinnetError {
  return new LinnetError(code, message, details);
}

/**
 * Turns anything thrown into a LinnetError. The engine's errors already have a code, but come out of wasm as plain
 * `Error` objects. JavaScript's own errors are told apart by their names.
 */
export function toLinnetError(error: unknown): LinnetError {
  if (error instanceof LinnetError) return error;
  if (!(error instanceof Error)) return new LinnetError('internal', String(error));
  if (isCoded(error)) return new LinnetError(error.code, error.message, error.details ?? {});
  if (error.name === 'AbortError') return aborted();
  if (error.name === 'QuotaExceededError') return new LinnetError('quota', error.message);
  if (error instanceof RangeError && /memory|allocation|buffer/i.test(error.message)) {
    return new LinnetError('out-of-memory', error.message);
  }
  return new LinnetError('internal', error.message || error.name, { cause: error.name });
}

/** The error of an aborted operation. */
export function aborted(details: ErrorDetails = {}): LinnetError {
  return new LinnetError('aborted', 'The operation was aborted.', details);
}

function isCoded(error: Error): error is Error & { code: LinnetErrorCode; details?: ErrorDetails } {
  return error.name === 'LinnetError' && 'code' in error && typeof error.code === 'string';
}
