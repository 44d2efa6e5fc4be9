import { aborted, LinnetError } from '../protocol/errors.ts';

// HTTP range requests: what the responses mean, and how long to wait after failures.

/** A range of a file: its first byte, and the one after its last. */
export interface Stretch {
  start: number;
  end: number;
}

/** Larger than any model: a server that claims more is not believed. */
export const MAX_FILE_BYTES = 2 ** 43;
/** If a server asks for a longer pause than this, in milliseconds, it is given up. */
const MAX_PAUSE = 60_000;
/** The most seconds that an error tells a person to wait. */
const LONGEST_WAIT = 86_400;

/**
 * Requests a range of a file, or the whole file.
 *
 * @param patience milliseconds to wait for the response to begin; browsers themselves wait forever
 */
export async function request(
  url: string,
  range: Stretch | undefined,
  signal: AbortSignal,
  patience: number,
): Promise<Response> {
  const headers: Record<string, string> = range ? { Range: `bytes=${range.start}-${range.end - 1}` } : {};
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patience);
  // Browsers from before 2024 cannot combine signals: they wait until the caller gives up.
  const ends = 'any' in AbortSignal ? AbortSignal.any([signal, late.signal]) : signal;
  try {
    // The model has its own store, so the HTTP cache would keep a second copy. And its host need not know which page
    // loads it.
    return await fetch(url, { headers, signal: ends, cache: 'no-store', referrerPolicy: 'no-referrer' });
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a response is the requested range. Headers that another origin hides are assumed to be right. */
export function startsAt(response: Response, start: number): boolean {
  const range = contentRange(response);
  return range ? range.start === start : isForeign(response.url);
}

/** Whether the body is compressed. Then a range is useless, since its bytes are not the file's. */
export function isCoded(response: Response): boolean {
  return (response.headers.get('Content-Encoding') ?? 'identity') !== 'identity';
}

/** The length of a whole file. With a content encoding the header has the compressed length. */
export function fullLength(response: Response): number | undefined {
  const length = response.headers.get('Content-Length');
  return isCoded(response) || !/^\d+$/.test(length ?? '') ? undefined : Number(length);
}

/**
 * The start of a range and the length of the whole file, as far as the server tells. `NaN` if they contradict each
 * other.
 */
export function contentRange(response: Response): { start: number; total?: number } | undefined {
  const header = response.headers.get('Content-Range');
  if (header === null) return undefined;
  const [, start, end, total] = (/^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? []).map(Number);
  // A total of `*` is unknown.
  if (start === undefined || end! < start || end! >= total!) return { start: NaN };
  return Number.isNaN(total) ? { start } : { start, total: total! };
}

/** Identifies this version of a file. */
export function validatorOf(response: Response): string | undefined {
  return response.headers.get('ETag') ?? response.headers.get('Last-Modified') ?? undefined;
}

/** Discards a response. */
export function discard(response: Response | undefined): void {
  void response?.body?.cancel().catch(() => {});
}

/** Whether a response is from another origin, which hides most of its headers. */
export function isForeign(url: string): boolean {
  // Responses made by tests have no URL.
  return url === '' || new URL(url).origin !== globalThis.location?.origin;
}

/** The error for a response without a file. */
export function statusError(url: string, response: Response): LinnetError {
  const { status } = response;
  if (status === 404 || status === 410) {
    return new LinnetError('not-found', `There is no file at ${url}.`, { url, status });
  }
  const retryAfter = retryAfterOf(response);
  const wait = retryAfter !== undefined && retryAfter <= LONGEST_WAIT ? `in ${retryAfter} s` : 'later';
  const later = retryAfter === undefined ? '' : ` Try again ${wait}.`;
  const details = { url, status, ...(retryAfter === undefined ? {} : { retryAfter }) };
  return new LinnetError('http', `The server answered with status ${status}.${later}`, details);
}

/** The seconds that the server asks to wait. */
function retryAfterOf(response: Response): number | undefined {
  const header = response.headers.get('Retry-After')?.trim() ?? '';
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** Whether the same request may succeed later: after a broken connection, too many requests, a busy server. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof LinnetError)) return true;
  const status = Number(error.details['status']);
  return error.code === 'http' && (status === 408 || status === 429 || status >= 500);
}

/** Milliseconds to wait before the next try; `undefined` if the server asks for too much. */
export function pauseAfter(error: unknown, usual: number): number | undefined {
  const asked = error instanceof LinnetError ? Number(error.details['retryAfter'] ?? 0) * 1000 : 0;
  return asked > MAX_PAUSE ? undefined : Math.max(usual, asked);
}

/** Resolves after a while, or rejects with `aborted` as soon as the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted());
    const stop = () => {
      clearTimeout(timer);
      reject(aborted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Settles as the read does, or rejects after a timeout. */
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
