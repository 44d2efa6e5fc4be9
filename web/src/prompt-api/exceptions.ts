import type { LinnetErrorCode } from '../protocol/errors.ts';
import { LinnetError } from '../index.ts';

/** What a failure of loading is called in the Prompt API; all others are `OperationError`. */
const LOADING: Partial<Record<LinnetErrorCode, string>> = {
  network: 'NetworkError',
  'not-found': 'NetworkError',
  http: 'NetworkError',
  integrity: 'NetworkError',
  aborted: 'AbortError',
  'no-simd': 'NotSupportedError',
  'no-webgpu': 'NotSupportedError',
  blocked: 'NotSupportedError',
  'out-of-memory': 'NotSupportedError',
  'unsupported-architecture': 'NotSupportedError',
  'unsupported-quantization': 'NotSupportedError',
  'unsupported-tokenizer': 'NotSupportedError',
};

/** A failure of loading, as the specification names it. The `LinnetError` is its `cause`. */
export function loadingException(error: unknown): unknown {
  return error instanceof LinnetError ? exception(error, LOADING[error.code] ?? 'OperationError') : error;
}

/** A failure of answering. */
export function promptException(error: unknown): unknown {
  return error instanceof LinnetError ? exception(error, error.code === 'aborted' ? 'AbortError' : 'UnknownError') : error;
}

export function abortException(): DOMException {
  return new DOMException('The operation was aborted.', 'AbortError');
}

/**
 * What requests of a destroyed session fail with. The browser that has the API, and the web-platform-tests, give this name; the
 * specification's text has `AbortError`.
 */
export function destroyed(): DOMException {
  const message = 'The session has been destroyed. Make another one with LanguageModel.create().';
  return new DOMException(message, 'InvalidStateError');
}

/** Refuses what code of a page asks that is no longer shown, such as a removed frame's. */
export function requireActiveDocument(): void {
  const { document } = globalThis as { document?: Document };
  if (!document || document.defaultView) return;
  throw new DOMException('The page of this LanguageModel is no longer shown.', 'InvalidStateError');
}

export function notSupported(what: string): DOMException {
  return new DOMException(`${what} is not supported.`, 'NotSupportedError');
}

/** What a prompt that is too long fails with: where browsers have a class for it, one of that class. */
export interface QuotaExceededError extends DOMException {
  /** Tokens of the conversation with the input. */
  readonly requested: number;
  /** Tokens that the context has room for. */
  readonly quota: number;
}

/** A conversation with an input has more tokens than the context has room for. */
export function quotaExceeded(requested: number, quota: number): QuotaExceededError {
  const message = `The conversation would have ${requested} tokens, but there is room for ${quota}.`;
  type Constructor = new (message: string, options: { requested: number; quota: number }) => QuotaExceededError;
  const { QuotaExceededError } = globalThis as { QuotaExceededError?: Constructor };
  if (QuotaExceededError) return new QuotaExceededError(message, { requested, quota });
  const plain = new DOMException(message, 'QuotaExceededError');
  return Object.defineProperties(plain, { requested: { value: requested }, quota: { value: quota } }) as QuotaExceededError;
}

function exception(error: LinnetError, name: string): DOMException {
  return Object.defineProperty(new DOMException(error.message, name), 'cause', { value: error, configurable: true });
}
