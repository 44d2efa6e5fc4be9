import type { LinnetErrorCode } from '../protocol/errors.ts';
import { LinnetError } from '../index.ts';

/** The Prompt API's names for failures of loading; all others are `OperationError`. */
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

/** A failure of loading, with the specification's name. The `LinnetError` is its `cause`. */
export function loadingException(error: unknown): unknown {
  return error instanceof LinnetError ? exception(error, LOADING[error.code] ?? 'OperationError') : error;
}

/** A failure of answering. */
export function promptException(error: unknown): unknown {
  if (!(error instanceof LinnetError)) return error;
  if (isOfConstraint(error)) return exception(error, 'NotSupportedError');
  return exception(error, error.code === 'aborted' ? 'AbortError' : 'UnknownError');
}

/** Whether it is about the constraint of an answer. As in Chrome, it does not matter whether that is malformed. */
function isOfConstraint({ code, details }: LinnetError): boolean {
  return code === 'bad-constraint' || /^(response_format|regex)\b/.test(String(details['field']));
}

/**
 * Whether the model's template is why messages have no prompt: it drops one of them or fails, or it rejects them, which
 * is an invalid request about `messages`.
 */
export function isOfTemplate(error: unknown): boolean {
  if (!(error instanceof LinnetError)) return false;
  return error.code === 'bad-template' || (error.code === 'invalid-request' && error.details['field'] === 'messages');
}

export function abortException(): DOMException {
  return new DOMException('The operation was aborted.', 'AbortError');
}

/**
 * The error of requests to a destroyed session. Browsers with the API and the web-platform-tests use this name; the
 * specification's text has `AbortError`.
 */
export function destroyed(): DOMException {
  const message = 'The session has been destroyed. Create another one with LanguageModel.create().';
  return new DOMException(message, 'InvalidStateError');
}

/** Rejects calls from a document that is no longer shown, such as a removed frame's. */
export function requireActiveDocument(): void {
  const { document } = globalThis as { document?: Document };
  if (!document || document.defaultView) return;
  throw new DOMException('The page of this LanguageModel is no longer shown.', 'InvalidStateError');
}

export function notSupported(what: string): DOMException {
  return new DOMException(`${what} is not supported.`, 'NotSupportedError');
}

/** The error of a constrained answer that is cut because the context is full. */
export function incomplete(): DOMException {
  const message = 'The context was full before the constrained answer was complete.';
  return new DOMException(message, 'SyntaxError');
}

/** The error of a prompt that is too long; an instance of the browser's class, if it has one. */
export interface QuotaExceededError extends DOMException {
  /** Tokens of the conversation and the input. */
  readonly requested: number;
  /** Tokens that fit into the context. */
  readonly quota: number;
}

/** The conversation and the input exceed the context. */
export function quotaExceeded(requested: number, quota: number): QuotaExceededError {
  const message = `The conversation would have ${requested} tokens, but there is room for ${quota}.`;
  type Constructor = new (message: string, options: { requested: number; quota: number }) => QuotaExceededError;
  const { QuotaExceededError } = globalThis as { QuotaExceededError?: Constructor };
  if (QuotaExceededError) return new QuotaExceededError(message, { requested, quota });
  const plain = new DOMException(message, 'QuotaExceededError');
  return Object.defineProperties(plain, {
    requested: { value: requested },
    quota: { value: quota },
  }) as QuotaExceededError;
}

function exception(error: LinnetError, name: string): DOMException {
  return Object.defineProperty(new DOMException(error.message, name), 'cause', { value: error, configurable: true });
}
