import { aborted, LinnetError } from './errors.ts';

/** What is stored already of a file, from an earlier download that did not end. */
export interface PartialFile {
  /** Bytes from the file's beginning. */
  bytes: number;
  /** The whole file's length, as the server gave it then. */
  total?: number;
  /** The ETag or date of the file that these bytes belong to. */
  validator?: string;
}

/** How to fetch a file. */
export interface DownloadOptions {
  /** The length that the file must have, where it is known. */
  bytes?: number;
  /** Where to go on; ignored if the server cannot or the file there is another one now. */
  partial?: PartialFile;
  signal: AbortSignal;
  /** Waits between tries, in milliseconds: as many tries as there are waits follow a failure that comes without progress. */
  retryDelays?: readonly number[];
  /** A connection that gives nothing for so many milliseconds is taken for broken. */
  stallTimeout?: number;
}

const RETRY_DELAYS = [250, 500, 1000, 2000];
const STALL_TIMEOUT = 30_000;
/** A connection that gave this much before it broke was not a hopeless one: the tries are counted anew. */
const PROGRESS = 1 << 20;

/**
 * A file on its way: an async iterable of its bytes from {@link start} on, in order.
 *
 * A connection that breaks is taken up again with `Range`, as long as the server still has the same file; so the
 * consumer sees one unbroken run of bytes, or an error: `network`, `not-found`, `http`, `integrity`, `aborted`.
 */
export class Download implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** Offset of the first byte that will be given: the length of the partial file, or 0. */
  readonly start: number;
  /** The file's length, if the server said. */
  readonly total: number | undefined;
  /** Says which version of the file this is: needed to resume it later. */
  readonly validator: string | undefined;
  #response: Response;
  #position: number;

  private constructor(
    readonly url: string,
    readonly options: DownloadOptions,
    response: Response,
  ) {
    this.#response = response;
    this.start = response.status === 206 ? (options.partial?.bytes ?? 0) : 0;
    this.#position = this.start;
    this.total = totalLength(response, this.start);
    this.validator = validatorOf(response);
  }

  /** Asks each place in turn until one answers with the file. Fails with the last place's error. */
  static async open(urls: readonly string[], options: DownloadOptions): Promise<Download> {
    let failure: unknown = new LinnetError('invalid-request', 'There is no URL to fetch the model from.');
    for (const url of urls) {
      try {
        const download = new Download(url, options, await firstResponse(url, options));
        download.#checkLength(download.total);
        return download;
      } catch (error) {
        if (options.signal.aborted) throw aborted();
        failure = error;
      }
    }
    throw failure;
  }

  /** Whether the other one is of the same file, as far as the servers say. */
  sameFile({ total, validator }: Download): boolean {
    const same = <T>(one: T | undefined, other: T | undefined) => one === undefined || other === undefined || one === other;
    return same(this.total, total) && same(this.validator, validator);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { signal, retryDelays = RETRY_DELAYS } = this.options;
    let tries = 0;
    let lastBreak = this.#position;
    for (;;) {
      try {
        yield* this.#body();
        if (this.total === undefined || this.#position >= this.total) break;
      } catch (error) {
        if (signal.aborted) throw aborted();
        if (error instanceof LinnetError) throw error;
      }
      if (this.#position - lastBreak >= PROGRESS) tries = 0;
      lastBreak = this.#position;
      tries = await this.#reconnect(tries, retryDelays);
    }
    this.#checkLength(this.#position);
  }

  /** The bytes of the current connection. */
  async *#body(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = this.#response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        const { done, value } = await beforeStall(reader.read(), this.options.stallTimeout ?? STALL_TIMEOUT);
        if (done) return;
        this.#position += value.length;
        const limit = this.options.bytes;
        if (limit !== undefined && this.#position > limit) this.#checkLength(this.#position);
        yield value;
      }
    } finally {
      // Also when the consumer stops early: without this the rest would still be fetched.
      await reader.cancel().catch(() => {});
    }
  }

  /** Gets a connection that goes on where the last one broke. Gives the number of tries used up. */
  async #reconnect(tries: number, delays: readonly number[]): Promise<number> {
    const { signal } = this.options;
    const partial: PartialFile = { bytes: this.#position };
    if (this.total !== undefined) partial.total = this.total;
    if (this.validator !== undefined) partial.validator = this.validator;
    for (; tries < delays.length; tries++) {
      await pause(delays[tries]!, signal);
      const response = await request(this.url, partial, signal).catch(() => undefined);
      if (signal.aborted) throw aborted();
      if (!response || isTransient(response.status)) continue;
      if (!continues(response, partial)) {
        await response.body?.cancel();
        throw this.#broken('the server cannot resume it');
      }
      this.#response = response;
      return tries + 1;
    }
    throw this.#broken('it could not be resumed');
  }

  #broken(why: string): LinnetError {
    return new LinnetError('network', `The connection broke after ${this.#position} bytes and ${why}.`, {
      url: this.url,
      received: this.#position,
      total: this.total,
    });
  }

  #checkLength(length: number | undefined): void {
    const { bytes } = this.options;
    if (bytes === undefined || length === undefined || length === bytes) return;
    throw new LinnetError('integrity', `The file has ${length} bytes and should have ${bytes}.`, {
      url: this.url,
      expected: bytes,
      found: length,
    });
  }
}

/** The first answer that holds file bytes, whole or from the partial file's end. */
async function firstResponse(url: string, options: DownloadOptions): Promise<Response> {
  const { signal, partial, retryDelays = RETRY_DELAYS } = options;
  const delays = retryDelays.slice(0, 2);
  let resume = partial;
  for (let tries = 0; ; tries++) {
    const last = tries >= delays.length;
    let response: Response | undefined;
    try {
      response = await request(url, resume, signal);
    } catch (error) {
      if (signal.aborted) throw aborted();
      if (last) throw new LinnetError('network', `No connection to ${new URL(url).host}.`, { url, cause: String(error) });
    }
    if (response) {
      if (response.status === 200 || (response.status === 206 && resume && continues(response, resume))) return response;
      await response.body?.cancel();
      if (resume && (response.status === 206 || response.status === 416)) {
        // What is stored fits no longer: from the beginning, at once.
        resume = undefined;
        continue;
      }
      if (last || !isTransient(response.status)) throw statusError(url, response.status);
    }
    await pause(delays[Math.min(tries, delays.length - 1)] ?? 0, signal);
  }
}

function request(url: string, partial: PartialFile | undefined, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = {};
  if (partial) {
    headers['Range'] = `bytes=${partial.bytes}-`;
    // Across origins If-Range would need a preflight, which file hosts refuse; `continues` compares what came instead.
    const strong = partial.validator !== undefined && !partial.validator.startsWith('W/');
    if (strong && new URL(url).origin === globalThis.location?.origin) headers['If-Range'] = partial.validator!;
  }
  // The model has a store of its own: the HTTP cache would hold it a second time.
  return fetch(url, { headers, signal, cache: 'no-store' });
}

/** Whether the answer is the rest of the very file that the partial one is the beginning of. */
function continues(response: Response, partial: PartialFile): boolean {
  if (response.status !== 206) return false;
  const range = contentRange(response);
  if (range && range.start !== partial.bytes) return false;
  const total = totalLength(response, partial.bytes);
  if (partial.total !== undefined && total !== undefined && total !== partial.total) return false;
  const validator = validatorOf(response);
  return partial.validator === undefined || validator === undefined || validator === partial.validator;
}

function totalLength(response: Response, start: number): number | undefined {
  const range = contentRange(response);
  if (range?.total !== undefined) return range.total;
  // With a content coding the length would be that of the coded bytes.
  const length = response.headers.get('Content-Encoding') ? null : response.headers.get('Content-Length');
  return length === null ? undefined : start + Number(length);
}

function contentRange(response: Response): { start: number; total?: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('Content-Range') ?? '');
  if (!match) return undefined;
  return match[2] === '*' ? { start: Number(match[1]) } : { start: Number(match[1]), total: Number(match[2]) };
}

function validatorOf(response: Response): string | undefined {
  return response.headers.get('ETag') ?? response.headers.get('Last-Modified') ?? undefined;
}

/** Statuses that a moment later may be others: time-outs, too many requests, an overloaded or restarting server. */
function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

function statusError(url: string, status: number): LinnetError {
  if (status === 404 || status === 410) {
    return new LinnetError('not-found', `There is no file at ${url}.`, { url, status });
  }
  return new LinnetError('http', `The server answered with status ${status}.`, { url, status });
}

/** Settles as the read does, or rejects when it takes too long. */
async function beforeStall<T>(read: Promise<T>, milliseconds: number): Promise<T> {
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

/** Resolves after a while, or rejects with `aborted` as soon as the signal says so. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
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
