/**
 * What went wrong, as a stable word that a program may branch on.
 *
 * - `bad-model`: the file is not a GGUF file, or is a damaged one
 * - `unsupported-architecture`, `unsupported-quantization`, `unsupported-tokenizer`: a sound file of a kind this engine does not know
 * - `bad-template`: the model's chat template cannot be rendered, or leaves out what the message at `details.field` says
 * - `out-of-memory`: the model or its context does not fit into this device, or is larger than `memoryLimit`; where that was known
 *   from its header, `details.smaller` has a context and a KV format that would fit, if any would
 * - `device-lost`: the GPU went away (driver reset, sleep, too little memory)
 * - `no-webgpu`: WebGPU was asked for and this browser or device has none
 * - `no-simd`: the browser cannot run wasm SIMD
 * - `blocked`: the page forbids what the engine needs: its policy has no `'wasm-unsafe-eval'` or forbids the worker, or it is in a frame
 *   whose `sandbox` lacks `allow-same-origin`, where browsers start no worker from a file; `details.needs` says which
 * - `network`: no connection, or it broke and could not be resumed
 * - `not-found`: the server says that there is no such file (404, 410)
 * - `http`: the server refused with another status
 * - `integrity`: the file has not the length or the SHA-256 that it should have
 * - `quota`: the browser has no room to store what it must store
 * - `no-storage`: the browser keeps no files for this page (a private window, blocked site data, no https), or another tab is using the model
 * - `aborted`: the caller's signal, or `dispose()`
 * - `context-full`: the conversation is longer than the context
 * - `busy`: the engine is answering another request, and this one was not to wait (`busy: 'refuse'`)
 * - `invalid-request`: an argument is wrong, or is not supported; `details.field` is its path, for instance `messages[1].content`
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

/** The facts behind an error: a tensor's name, a limit, a status, a byte offset, ... */
export type ErrorDetails = Record<string, unknown>;

/** Every failure that Linnet reports. `code` is stable; `message` is for people and may change. */
export class LinnetError extends Error {
  override readonly name = 'LinnetError';

  constructor(
    /** What went wrong, as a stable word. */
    readonly code: LinnetErrorCode,
    message: string,
    /** The facts behind it. */
    readonly details: ErrorDetails = {},
  ) {
    super(message);
  }
}

/** A `LinnetError` as it travels between worker and page. */
export interface PlainError {
  code: LinnetErrorCode;
  message: string;
  details: ErrorDetails;
}

/** The form in which an error can be posted. */
export function toPlain(error: unknown): PlainError {
  const { code, message, details } = toLinnetError(error);
  try {
    return { code, message, details: structuredClone(details) };
  } catch {
    // An error without its details is better than none.
    return { code, message, details: {} };
  }
}

/** The inverse of {@link toPlain}. */
export function fromPlain({ code, message, details }: PlainError): LinnetError {
  return new LinnetError(code, message, details);
}

/**
 * Gives whatever was thrown its code. The engine's own errors carry one already, but come out of wasm as plain
 * `Error` objects; what JavaScript throws by itself is told by its name.
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

/** The error of a caller who changed their mind. */
export function aborted(details: ErrorDetails = {}): LinnetError {
  return new LinnetError('aborted', 'The operation was aborted.', details);
}

function isCoded(error: Error): error is Error & { code: LinnetErrorCode; details?: ErrorDetails } {
  return error.name === 'LinnetError' && 'code' in error && typeof error.code === 'string';
}
