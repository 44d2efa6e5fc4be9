import { aborted, LinnetError } from '../protocol/errors.ts';

// HTTP requests for a stretch of a file: what their answers say, and how long to wait after those that fail.

/** A stretch of a file, by its first byte and the one after its last. */
export interface Stretch {
  start: number;
  end: number;
}

/** Bytes that no model has: a server that claims more is not believed. */
export const MAX_FILE_BYTES = 2 ** 43;
/** A server that asks for a longer pause than this, in milliseconds, is not waited for. */
const MAX_PAUSE = 60_000;

/**
 * Asks for a stretch of a file, or for all of it.
 *
 * @param patience milliseconds after which a server that has not begun to answer is taken for gone: browsers wait for ever
 */
export async function request(url: string, range: Stretch | undefined, signal: AbortSignal, patience: number): Promise<Response> {
  const headers: Record<string, string> = range ? { Range: `bytes=${range.start}-${range.end - 1}` } : {};
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patience);
  // Browsers of before 2024 cannot join signals: they wait for such a server until the caller gives up.
  const ends = 'any' in AbortSignal ? AbortSignal.any([signal, late.signal]) : signal;
  try {
    // The model has a store of its own: the HTTP cache would hold it a second time. And its host need not know who loads it.
    return await fetch(url, { headers, signal: ends, cache: 'no-store', referrerPolicy: 'no-referrer' });
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an answer is the stretch that begins there; what a foreign server does not let us read is assumed to be right. */
export function startsAt(response: Response, start: number): boolean {
  const range = contentRange(response);
  return range ? range.start === start : isForeign(response.url);
}

/** Whether the body is compressed: of a part of a file nobody can tell then which part it is. */
export function isCoded(response: Response): boolean {
  return (response.headers.get('Content-Encoding') ?? 'identity') !== 'identity';
}

/** The length of a whole file. With a content coding the header has the length of the coded bytes. */
export function fullLength(response: Response): number | undefined {
  const length = response.headers.get('Content-Length');
  return isCoded(response) || !/^\d+$/.test(length ?? '') ? undefined : Number(length);
}

/**
 * Where a stretch begins, and how long the whole file is, as far as the server says. One that contradicts itself begins nowhere
 * (`NaN`).
 */
export function contentRange(response: Response): { start: number; total?: number } | undefined {
  const header = response.headers.get('Content-Range');
  if (header === null) return undefined;
  const [, start, end, total] = (/^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? []).map(Number);
  // A total of `*` is not known.
  if (start === undefined || end! < start || end! >= total!) return { start: NaN };
  return Number.isNaN(total) ? { start } : { start, total: total! };
}

/** What tells this version of a file from another one. */
export function validatorOf(response: Response): string | undefined {
  return response.headers.get('ETag') ?? response.headers.get('Last-Modified') ?? undefined;
}

/** Lets go of an answer that nobody wants. */
export function discard(response: Response | undefined): void {
  void response?.body?.cancel().catch(() => {});
}

/** Whether an answer is another origin's: then most of its headers are hidden from the page. */
export function isForeign(url: string): boolean {
  // A test's own answer has no address.
  return url === '' || new URL(url).origin !== globalThis.location?.origin;
}

/** The error of an answer that has no file in it. */
export function statusError(url: string, response: Response): LinnetError {
  const { status } = response;
  if (status === 404 || status === 410) {
    return new LinnetError('not-found', `There is no file at ${url}.`, { url, status });
  }
  const retryAfter = retryAfterOf(response);
  const later = retryAfter === undefined ? '' : ` Try again in ${retryAfter} s.`;
  const details = { url, status, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return new LinnetError('http', `The server answered with status ${status}.${later}`, details);
}

/** Seconds after which the server wants to be asked again. */
function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get('Retry-After')?.trim() ?? '';
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** Whether the same request may succeed a moment later: a broken connection, too many requests, a busy server. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof LinnetError)) return true;
  const status = Number(error.details['status']);
  return error.code === 'http' && (status === 408 || status === 429 || status >= 500);
}

/** Milliseconds to wait before the next try; `undefined` where the server asks for more than anybody would wait. */
export function pauseAfter(error: unknown, usual: number): number | undefined {
  const asked = error instanceof LinnetError ? Number(error.details['retryAfter'] ?? 0) * 1000 : 0;
  return asked > MAX_PAUSE ? undefined : Math.max(usual, asked);
}

/** Resolves after a while, or rejects with `aborted` as soon as the signal says so. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(aborted());
    const stop = () => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Settles as the read does, or rejects when it takes too long. */
export async function beforeStall<T>(read: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('The connection stalled.')), milliseconds);
  });
  try {
    return await Promise.race([read, stalled]);
  } finally {
    clearTimeout(timer);
  }
}
