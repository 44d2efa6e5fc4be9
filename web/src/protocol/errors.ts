import type { LinnetErrorCode } from './generated.ts';

export type { LinnetErrorCode };

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

/** The message of a thrown value, which may be anything; `fallback` if it cannot be read. */
export function thrownMessage(error: unknown, fallback: string): string {
  try {
    return (error instanceof Error && error.message) || String(error);
  } catch {
    return fallback;
  }
}

/** The error of an aborted operation. */
export function aborted(details: ErrorDetails = {}): LinnetError {
  return new LinnetError('aborted', 'The operation was aborted.', details);
}

function isCoded(error: Error): error is Error & { code: LinnetErrorCode; details?: ErrorDetails } {
  return error.name === 'LinnetError' && 'code' in error && typeof error.code === 'string';
}
