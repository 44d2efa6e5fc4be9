import { aborted, LinnetError } from './errors.ts';

// HTTP, as far as a large file needs it: ranges, tries, and whether what comes is still the same file.

/** How to fetch a file. */
export interface TransferOptions {
  /** The length that the file must have, where it is known. */
  bytes?: number;
  signal: AbortSignal;
  /** Waits between tries, in milliseconds: as many tries as there are waits follow a failure that comes without progress. */
  retryDelays?: readonly number[];
  /** A connection that gives nothing for so many milliseconds is taken for broken. */
  stallTimeout?: number;
  /** Hears that so many bytes have just come. */
  onBytes?: (count: number) => void;
}

const RETRY_DELAYS = [250, 500, 1000, 2000];
const STALL_TIMEOUT = 30_000;
/** A connection that gave this much before it broke was not a hopeless one: the tries are counted anew. */
const PROGRESS = 256 << 10;

/** A stretch of a file that is on its way into memory. */
export interface Piece {
  /** Number of the chunk. */
  index: number;
  /** Offset of its first byte in the file. */
  start: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** How much of it has come. */
  filled: number;
}

/** What says which file, and which version of it, a server has. */
export interface Identity {
  total?: number | undefined;
  validator?: string | undefined;
}

/** The server has another file than before: nothing of the two may be glued together. */
export class FileChanged extends LinnetError {
  constructor(url: string) {
    super('integrity', 'The file has been replaced by another one while it was being fetched.', { url });
  }
}

/** Whether both are of the same file, as far as the servers said. */
export function sameFile(one: Identity, other: Identity): boolean {
  const same = <T>(one: T | undefined, other: T | undefined) => one === undefined || other === undefined || one === other;
  return same(one.total, other.total) && same(one.validator, other.validator);
}

/** A place that has the file, and has begun to give it. */
export class Transfer {
  /** Whether any stretch can be asked for. If not, only {@link Transfer.stream} is to be used. */
  readonly ranged: boolean;
  /** The file's length, if the server said. */
  readonly total: number | undefined;
  /** Says which version of the file this is: needed to go on with it later. */
  readonly validator: string | undefined;
  /** The answer to the request that opened this, until somebody reads it. */
  #first: Response | undefined;
  #received = 0;

  private constructor(
    readonly url: string,
    readonly options: TransferOptions,
    readonly from: number,
    response: Response,
  ) {
    this.#first = response;
    this.ranged = response.status === 206;
    this.total = this.ranged ? (contentRange(response)?.total ?? options.bytes) : fullLength(response);
    this.validator = validatorOf(response);
  }

  /**
   * Asks each place in turn for the stretch that is wanted first, until one answers with it or with the whole file.
   *
   * @throws LinnetError the last place's: `network`, `not-found`, `http`, `integrity`, `aborted`
   */
  static async open(urls: readonly string[], first: { start: number; end: number }, options: TransferOptions): Promise<Transfer> {
    let failure: unknown = new LinnetError('not-found', 'The file is not in the store any more, and there is no address to fetch it from.');
    for (const url of urls) {
      try {
        const response = await firstResponse(url, first, options);
        const transfer = new Transfer(url, options, first.start, response);
        if (!fits(transfer.total, options.bytes)) {
          transfer.close();
          throw wrongLength(url, transfer.total, options.bytes);
        }
        return transfer;
      } catch (error) {
        if (options.signal.aborted) throw aborted();
        failure = error;
      }
    }
    throw failure;
  }

  /**
   * Fetches what a piece still lacks. What has come before a failure stays in it.
   *
   * @throws LinnetError `network`, `not-found`, `http`, `aborted`, or that the file is another one now
   */
  async fill(piece: Piece): Promise<void> {
    const { signal, retryDelays = RETRY_DELAYS } = this.options;
    let tries = 0;
    let before = piece.filled;
    let failure: unknown;
    for (;;) {
      try {
        const response = this.#takeFirst(piece.start + piece.filled) ?? (await this.#rest(piece));
        await this.#read(response, piece);
        if (piece.filled === piece.bytes.length) return;
        failure = undefined;
      } catch (error) {
        if (signal.aborted) throw aborted();
        if (error instanceof LinnetError && !isPassing(error)) throw error;
        failure = error;
      }
      if (piece.filled - before >= PROGRESS) tries = 0;
      before = piece.filled;
      if (tries >= retryDelays.length) throw failure instanceof LinnetError ? failure : this.#broken('it could not be resumed');
      await pause(retryDelays[tries++]!, signal);
    }
  }

  /** The whole file from its beginning, from a place that gives no stretches of it. */
  async *stream(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { bytes, signal } = this.options;
    const response = this.#first;
    this.#first = undefined;
    try {
      for await (const part of this.#body(response!)) {
        if (bytes !== undefined && this.#received > bytes) throw wrongLength(this.url, this.#received, bytes);
        yield part;
      }
    } catch (error) {
      if (signal.aborted) throw aborted();
      throw error instanceof LinnetError ? error : this.#broken('the server cannot resume it');
    }
    if (this.total !== undefined && this.#received < this.total) throw this.#broken('the server cannot resume it');
    if (bytes !== undefined && this.#received < bytes) throw wrongLength(this.url, this.#received, bytes);
  }

  /** Lets go of an answer that nobody wants. */
  close(): void {
    void this.#first?.body?.cancel().catch(() => {});
    this.#first = undefined;
  }

  #takeFirst(start: number): Response | undefined {
    if (!this.#first || start !== this.from) return undefined;
    const response = this.#first;
    this.#first = undefined;
    return response;
  }

  /** Asks for the rest of a piece. */
  async #rest(piece: Piece): Promise<Response> {
    const start = piece.start + piece.filled;
    const response = await request(this.url, { start, end: piece.start + piece.bytes.length }, this.options.signal);
    const found = { total: contentRange(response)?.total, validator: validatorOf(response) };
    if (response.status === 206 && startsAt(response, start) && sameFile(this, found)) return response;
    void response.body?.cancel().catch(() => {});
    if (response.status === 206 || response.status === 416) throw new FileChanged(this.url);
    if (response.status === 200) throw this.#broken('the server cannot resume it');
    throw statusError(this.url, response.status);
  }

  /** Reads into a piece. A server may give more than it was asked for, or less. */
  async #read(response: Response, piece: Piece): Promise<void> {
    for await (const part of this.#body(response)) {
      const wanted = part.subarray(0, piece.bytes.length - piece.filled);
      piece.bytes.set(wanted, piece.filled);
      piece.filled += wanted.length;
      if (piece.filled === piece.bytes.length) return;
    }
  }

  /** The bytes of one connection. */
  async *#body(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        const { done, value } = await beforeStall(reader.read(), this.options.stallTimeout ?? STALL_TIMEOUT);
        if (done) return;
        this.#received += value.length;
        this.options.onBytes?.(value.length);
        yield value;
      }
    } finally {
      // Also when the consumer stops early: without this the rest would still be fetched.
      await reader.cancel().catch(() => {});
    }
  }

  #broken(why: string): LinnetError {
    return new LinnetError('network', `The connection broke after ${this.#received} bytes and ${why}.`, {
      url: this.url,
      received: this.#received,
      total: this.total,
    });
  }
}

/** The first answer that holds file bytes: the stretch that was asked for, or the whole file. */
async function firstResponse(url: string, stretch: { start: number; end: number }, options: TransferOptions): Promise<Response> {
  const { signal, retryDelays = RETRY_DELAYS } = options;
  const delays = retryDelays.slice(0, 2);
  let range: { start: number; end: number } | undefined = stretch;
  for (let tries = 0; ; tries++) {
    const last = tries >= delays.length;
    let response: Response | undefined;
    try {
      response = await request(url, range, signal);
    } catch (error) {
      if (signal.aborted) throw aborted();
      if (last && !(range?.start === 0 && isForeign(url))) throw new LinnetError('network', `No connection to ${new URL(url).host}.`, { url, cause: String(error) });
      // Some browsers ask a foreign server for leave to send Range, and some servers give none: that looks like this.
      if (last) {
        range = undefined;
        continue;
      }
    }
    if (response) {
      if (response.status === 200) return response;
      const known = contentRange(response)?.total !== undefined || options.bytes !== undefined;
      if (range && response.status === 206 && known && startsAt(response, range.start)) return response;
      void response.body?.cancel().catch(() => {});
      if (range && (response.status === 206 || response.status === 416)) {
        // It has no such stretch, or does not say of which whole it is one: all of it, at once.
        range = undefined;
        continue;
      }
      const error = statusError(url, response.status);
      if (last || !isPassing(error)) throw error;
    }
    await pause(delays[Math.min(tries, delays.length - 1)] ?? 0, signal);
  }
}

function request(url: string, range: { start: number; end: number } | undefined, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = range ? { Range: `bytes=${range.start}-${range.end - 1}` } : {};
  // The model has a store of its own: the HTTP cache would hold it a second time.
  return fetch(url, { headers, signal, cache: 'no-store' });
}

function isForeign(url: string): boolean {
  return new URL(url).origin !== globalThis.location?.origin;
}

/** Of a server whose answer does not say where it starts it is taken on trust. */
function startsAt(response: Response, start: number): boolean {
  const range = contentRange(response);
  return !range || range.start === start;
}

function fullLength(response: Response): number | undefined {
  // With a content coding the length would be that of the coded bytes.
  const length = response.headers.get('Content-Encoding') ? null : response.headers.get('Content-Length');
  return length === null ? undefined : Number(length);
}

function contentRange(response: Response): { start: number; total?: number } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('Content-Range') ?? '');
  if (!match) return undefined;
  return match[2] === '*' ? { start: Number(match[1]) } : { start: Number(match[1]), total: Number(match[2]) };
}

function validatorOf(response: Response): string | undefined {
  return response.headers.get('ETag') ?? response.headers.get('Last-Modified') ?? undefined;
}

function fits(length: number | undefined, bytes: number | undefined): boolean {
  return bytes === undefined || length === undefined || length === bytes;
}

function wrongLength(url: string, found: number | undefined, expected: number | undefined): LinnetError {
  return new LinnetError('integrity', `The file has ${found} bytes and should have ${expected}.`, { url, expected, found });
}

/** Statuses that a moment later may be others: time-outs, too many requests, an overloaded or restarting server. */
function isPassing({ code, details }: LinnetError): boolean {
  const status = Number(details['status']);
  return code === 'http' && (status === 408 || status === 429 || status >= 500);
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
