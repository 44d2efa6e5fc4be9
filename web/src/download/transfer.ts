import { aborted, LinnetError } from '../protocol/errors.ts';
import * as http from './http.ts';
import type { Stretch } from './http.ts';
import { type Place, PlaceQueue } from './place-queue.ts';

// Downloads a large file: in ranges, with retries at other addresses, and only as long as it is the same file.

/** Options of a transfer. */
export interface TransferOptions {
  /** The expected length, if known. */
  bytes?: number;
  /** Whether the file's hash is known and will be checked: then the server's version of it does not matter. */
  hashed?: boolean;
  signal: AbortSignal;
  /** Waits between tries, in milliseconds. Each wait allows one more try after a failure without progress. */
  retryDelays?: readonly number[];
  /** A connection that sends nothing for this many milliseconds counts as broken. */
  stallTimeout?: number;
  /** Called with the number of bytes that just arrived. */
  onBytes?: (count: number) => void;
}

const RETRY_DELAYS = [250, 500, 1000, 2000];
const STALL_TIMEOUT = 30_000;
/** If a connection sent this many bytes before it broke, the tries are counted from the start. */
const PROGRESS = 256 << 10;
/** How often an address that does not respond is tried again before the file is known to exist. */
const MOST_OPENING_RETRIES = 2;
/** Weights hardly compress: if a server announces less than this fraction of the file, it has another file. */
const BEST_COMPRESSION = 0.5;
/** The most characters of an address without a host in an error: a `data:` address contains a file. */
const LONGEST_SHOWN = 60;
const CANNOT_RESUME = 'could not be resumed. Try again';

/** A chunk of a file that is being received. */
export interface ChunkBuffer {
  /** The chunk's number. */
  index: number;
  /** Offset of its first byte in the file. */
  start: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** Bytes received so far. */
  filled: number;
}

/** Identifies the file, and its version, that a server has. */
export interface Identity {
  total?: number | undefined;
  validator?: string | undefined;
}

/** The server's file has changed: the two must not be mixed. */
export class FileChanged extends LinnetError {
  constructor(url: string) {
    super('integrity', 'The file on the server changed during the download. Load the model again.', { url });
  }
}

/**
 * Whether the server still has the file that the download started with. A server that names no version does not tell.
 *
 * @param hashed whether the file's hash will be checked: the nodes of a CDN may name one version differently
 */
export function sameFile(begun: Identity, found: Identity, hashed: boolean): boolean {
  const sameLength = begun.total === undefined || found.total === undefined || begun.total === found.total;
  return sameLength && (hashed || (begun.validator !== undefined && begun.validator === found.validator));
}

/** An address that has started to send the file. If it fails, the following addresses are asked for the rest. */
export class Transfer {
  /** Whether ranges are supported, and are known to be of one version. If not, only {@link Transfer.stream} works. */
  readonly ranged: boolean;
  /** The file's length, if the server told. */
  readonly total: number | undefined;
  /** Identifies the file's version, to continue with it later. */
  readonly validator: string | undefined;
  /** The response to the first request, until it is read. */
  #first: Response | undefined;
  /** Index of the address that last sent something. */
  #place = 0;
  #received = 0;

  private constructor(
    /** The address that responded, and those not tried yet. */
    readonly places: readonly string[],
    readonly options: TransferOptions,
    readonly from: number,
    response: Response,
  ) {
    this.#first = response;
    this.ranged = response.status === 206;
    this.total = this.ranged
      ? (http.contentRange(response)?.total ?? options.bytes)
      : lengthOf(response, options.bytes);
    this.validator = http.validatorOf(response);
  }

  /**
   * Tries each address until one responds with the first range or with the whole file.
   *
   * @throws LinnetError the last address's: `network`, `not-found`, `http`, `integrity`, `aborted`
   */
  static async open(urls: readonly string[], first: Stretch, options: TransferOptions): Promise<Transfer> {
    const { signal, retryDelays = RETRY_DELAYS } = options;
    const queue = new PlaceQueue(placesOf(urls), retryDelays.slice(0, MOST_OPENING_RETRIES), signal);
    for (let place = await queue.next(); place; place = await queue.next()) {
      try {
        const response = await firstResponse(place.url, first, options);
        // If it fails, the following addresses, and those that may have recovered, are asked for the rest.
        const others = queue.hopeful.filter(({ index }) => index !== place!.index);
        const later = others.filter(({ index }) => index > place!.index);
        const places = [place, ...later, ...others.filter((other) => !later.includes(other))];
        return checked(
          new Transfer(
            places.map((one) => one.url),
            options,
            first.start,
            response,
          ),
        );
      } catch (error) {
        if (signal.aborted) throw aborted();
        queue.failed(place, error as LinnetError);
      }
    }
    // Browsers also report "no connection" if they may not send Range to another origin, and for a range with a content
    // encoding.
    for (const place of queue.failures) {
      if (place.failure.code !== 'network') continue;
      try {
        const response = await firstResponse(place.url, undefined, options);
        return checked(new Transfer([place.url], options, first.start, response));
      } catch (error) {
        if (signal.aborted) throw aborted();
        queue.failed(place, error as LinnetError);
      }
    }
    throw (
      queue.failures.at(-1)?.failure ??
      new LinnetError(
        'not-found',
        'The file is no longer stored in this browser, and it has no address to download it from.',
      )
    );
  }

  /** The address that sends the file. */
  get url(): string {
    return this.places[this.#place]!;
  }

  /**
   * Downloads the missing rest of a chunk. Bytes that arrive before a failure are kept.
   *
   * @throws LinnetError `network`, `not-found`, `http`, `aborted`; FileChanged
   */
  async fill(piece: ChunkBuffer): Promise<void> {
    const { signal, retryDelays = RETRY_DELAYS } = this.options;
    const queue = new PlaceQueue(placesOf(this.places).slice(this.#place), retryDelays, signal);
    for (let place = await queue.next(); place; place = await queue.next()) {
      const before = piece.filled;
      try {
        await this.#fillFrom(place.url, piece);
        this.#place = Math.max(this.#place, place.index);
        return;
      } catch (error) {
        if (signal.aborted) throw aborted();
        const gave = piece.filled - before;
        const failure = error instanceof LinnetError ? error : this.#broken(place.url, CANNOT_RESUME);
        queue.failed(place, failure, gave === 0 ? 'nothing' : gave < PROGRESS ? 'little' : 'much');
      }
    }
    // The errors of the other addresses, which may never have had the file, say less.
    throw queue.failures[0]!.failure;
  }

  async #fillFrom(url: string, piece: ChunkBuffer): Promise<void> {
    const response = this.#takeFirst(url, piece.start + piece.filled) ?? (await this.#rest(url, piece));
    await this.#read(response, piece);
    if (piece.filled < piece.bytes.length) throw this.#broken(url, CANNOT_RESUME);
  }

  /** The whole file from its beginning, for servers without ranges. */
  async *stream(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { bytes, signal } = this.options;
    const most = bytes ?? this.total ?? http.MAX_FILE_BYTES;
    const response = this.#first;
    this.#first = undefined;
    try {
      for await (const part of this.#body(response!)) {
        if (this.#received > most) {
          // A connection sends no more than it announced; here it announced the compressed length.
          if (bytes === undefined && this.total !== undefined) throw compressed(this.url, this.total);
          throw wrongLength(this.url, this.#received, most);
        }
        yield part;
      }
    } catch (error) {
      if (signal.aborted) throw aborted();
      throw error instanceof LinnetError
        ? error
        : this.#broken(this.url, 'the server cannot resume a download. Try again');
    }
    if (this.total !== undefined && this.#received < this.total)
      throw this.#broken(this.url, 'the server cannot resume a download. Try again');
    if (bytes !== undefined && this.#received < bytes) throw wrongLength(this.url, this.#received, bytes);
  }

  /** Discards the unread response. */
  close(): void {
    http.discard(this.#first);
    this.#first = undefined;
  }

  #takeFirst(url: string, start: number): Response | undefined {
    if (!this.#first || start !== this.from || url !== this.places[0]) return undefined;
    const response = this.#first;
    this.#first = undefined;
    return response;
  }

  /** Requests the rest of a chunk. */
  async #rest(url: string, piece: ChunkBuffer): Promise<Response> {
    const start = piece.start + piece.filled;
    const { signal, stallTimeout = STALL_TIMEOUT } = this.options;
    const response = await http.request(url, { start, end: piece.start + piece.bytes.length }, signal, stallTimeout);
    const found = { total: http.contentRange(response)?.total, validator: http.validatorOf(response) };
    const partial = response.status === 206 && !http.isCoded(response);
    const same = sameFile(this, found, this.options.hashed ?? false);
    if (partial && same && http.startsAt(response, start)) return response;
    http.discard(response);
    if ((partial && !same) || response.status === 416) throw new FileChanged(url);
    // A node of a CDN may not support ranges, or send another one.
    if (response.status === 200 || response.status === 206)
      throw this.#broken(url, 'the server cannot resume a download. Try again');
    throw http.statusError(url, response);
  }

  /** Reads into a chunk. A server may send more or less than requested. */
  async #read(response: Response, piece: ChunkBuffer): Promise<void> {
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
        const { done, value } = await http.beforeStall(reader.read(), this.options.stallTimeout ?? STALL_TIMEOUT);
        if (done) return;
        this.#received += value.length;
        this.options.onBytes?.(value.length);
        yield value;
      }
    } finally {
      // Also if the consumer stops early: otherwise the rest would still be downloaded.
      await reader.cancel().catch(() => {});
    }
  }

  #broken(url: string, why: string): LinnetError {
    return new LinnetError('network', `The connection broke after ${this.#received} bytes and ${why}.`, {
      url,
      received: this.#received,
      total: this.total,
    });
  }
}

/**
 * The first response with the file's bytes: the requested range, or the whole file.
 *
 * @throws LinnetError `network`, `not-found`, `http`, `integrity`
 */
async function firstResponse(url: string, stretch: Stretch | undefined, options: TransferOptions): Promise<Response> {
  const { signal, stallTimeout = STALL_TIMEOUT } = options;
  for (const range of stretch ? [stretch, undefined] : [undefined]) {
    const response = await http.request(url, range, signal, stallTimeout).catch((error: unknown) => {
      throw noConnection(url, error);
    });
    const found = answerIn(response, range, url, options);
    if (found === response) return response;
    http.discard(response);
    if (found) throw found as LinnetError;
  }
  throw new LinnetError('http', 'The server sent only a part of the file. Try again later.', { url });
}

/** Makes a transfer, if the file has the expected length as far as the server tells. @throws LinnetError `integrity` */
function checked(transfer: Transfer): Transfer {
  const { url, total, options } = transfer;
  if (options.bytes === undefined || total === undefined || total === options.bytes) return transfer;
  transfer.close();
  throw wrongLength(url, total, options.bytes);
}

/** The length of a whole file, as far as the server can be believed. */
function lengthOf(response: Response, bytes: number | undefined): number | undefined {
  const length = http.fullLength(response);
  // Another origin may hide that it compresses. Then this is the compressed length.
  const mayBeCompressed =
    length !== undefined && bytes !== undefined && length < bytes && length > bytes * BEST_COMPRESSION;
  return mayBeCompressed && http.isForeign(response.url) ? undefined : length;
}

function placesOf(urls: readonly string[]): Place[] {
  return urls.map((url, index) => ({ index, url }));
}

/** The response if it is usable, an error if it is not, `undefined` if the whole file must be requested. */
function answerIn(
  response: Response,
  range: Stretch | undefined,
  url: string,
  { bytes, hashed = false }: TransferOptions,
): Response | LinnetError | undefined {
  const { status } = response;
  const total = status === 206 ? http.contentRange(response)?.total : http.fullLength(response);
  if (total !== undefined && total > http.MAX_FILE_BYTES) return impossible(url, total);
  if (status === 200) return response;
  const known = (total ?? bytes) !== undefined && !http.isCoded(response);
  // Otherwise a next range of another version would go unnoticed.
  const isNamed = hashed || http.validatorOf(response) !== undefined;
  if (range && status === 206 && known && isNamed && http.startsAt(response, range.start)) return response;
  // It has no such range, or tells neither the length of the whole file nor its version.
  return range && (status === 206 || status === 416) ? undefined : http.statusError(url, response);
}

function impossible(url: string, found: number): LinnetError {
  const text = `The server reports a file of ${found} bytes, larger than any model. Check the address.`;
  return new LinnetError('integrity', text, { url, found, limit: http.MAX_FILE_BYTES });
}

function noConnection(url: string, cause: unknown): LinnetError {
  return new LinnetError(
    'network',
    `Could not connect to ${new URL(url).host || url.slice(0, LONGEST_SHOWN)}. ` +
      'Check the connection, and that the server allows requests from this page (CORS).',
    { url, cause: String(cause) },
  );
}

function compressed(url: string, announced: number): LinnetError {
  const text =
    `${new URL(url).host} compresses the file and does not say so, so its length is unknown. ` +
    `Turn off compression for ` +
    'this file on the server, or let it send "Access-Control-Expose-Headers: Content-Encoding".';
  return new LinnetError('integrity', text, { url, compressed: true, announced });
}

function wrongLength(url: string, found: number | undefined, expected: number | undefined): LinnetError {
  const text = `Wrong length: expected ${expected} bytes, got ${found}.`;
  return new LinnetError('integrity', text, { url, expected, found });
}
