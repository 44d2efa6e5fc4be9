import type { LinnetErrorCode } from '../errors.ts';
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

export function notSupported(what: string): DOMException {
  return new DOMException(`${what} is not supported.`, 'NotSupportedError');
}

/** What a prompt that is too long fails with: where browsers have a class for it, one of that class. */
export interface QuotaExceededError extends DOMException {
  /** Tokens of the input. */
  readonly requested: number;
  /** Tokens that there was room for. */
  readonly quota: number;
}

/** An input has more tokens than there can be room for. */
export function quotaExceeded(requested: number, quota: number): QuotaExceededError {
  const message = `The input has ${requested} tokens, but there is room for ${quota}.`;
  type Constructor = new (message: string, options: { requested: number; quota: number }) => QuotaExceededError;
  const { QuotaExceededError } = globalThis as { QuotaExceededError?: Constructor };
  if (QuotaExceededError) return new QuotaExceededError(message, { requested, quota });
  const plain = new DOMException(message, 'QuotaExceededError');
  return Object.defineProperties(plain, { requested: { value: requested }, quota: { value: quota } }) as QuotaExceededError;
}

function exception(error: LinnetError, name: string): DOMException {
  return Object.defineProperty(new DOMException(error.message, name), 'cause', { value: error, configurable: true });
}
