import { BrokenEntry, type CacheWriter } from '../store/cache.ts';
import { type ChunkKeeper, Download } from './download.ts';
import { LinnetError, type PlainError, toLinnetError, toPlain } from '../protocol/errors.ts';
import { sha256Of } from '../store/hex.ts';
import type { Description } from '../store/journal.ts';
import { roomHint } from '../store/room.ts';
import type { RemoteFile } from '../protocol/model-files.ts';
import { FileChanged, type Identity, type ChunkBuffer, sameFile, Transfer, type TransferOptions } from './transfer.ts';
import type { WasmHash } from '../protocol/wasm.ts';

/**
 * Bytes of a chunk, unless the list gives chunk hashes. A chunk is the unit of requests and checks, and the most that
 * is lost if the tab is killed.
 */
export const CHUNK = 4 << 20;
/** How often a chunk with a wrong hash is requested. */
const TRIES = 3;
/** A smaller part of a chunk is not recorded in the journal. */
const LEAST_KEPT = 1 / 64;

/** A chunk of a file, and its origin. */
export interface Chunk {
  bytes: Uint8Array<ArrayBuffer>;
  origin: 'cache' | 'download';
}

/** Options of a download. */
export interface DownloadOptions {
  /** The file's entry in the store; without one nothing is stored. */
  writer: CacheWriter | undefined;
  /** Whether the file must be stored: if there is no space for it, nothing is downloaded. */
  mustStore?: boolean;
  /** Bytes of a chunk, unless the list gives chunk hashes. */
  chunkBytes?: number;
  Sha256: new () => WasmHash;
  signal: AbortSignal;
  retryDelays?: readonly number[];
  stallTimeout?: number;
  /** Called with the number of bytes that just arrived from the network. */
  onBytes?: (count: number) => void;
}

/**
 * Downloads a file in chunks, in order. Chunks from an earlier download come from the store; the others are downloaded,
 * verified and stored. Each path ends in `finish` or `giveUp`.
 */
export class ChunkedDownload implements ChunkKeeper, AsyncIterable<Chunk> {
  /** Why the file is not stored, if it is not. */
  notStored: PlainError | undefined;
  readonly #stop = new AbortController();
  readonly #end = () => this.#stop.abort();
  readonly #chunkBytes: number;
  #hash: WasmHash | undefined;
  readonly #tries = new Map<number, number>();
  /** The chunks of an earlier download. */
  readonly #there = new Set<number>();
  #writer: CacheWriter | undefined;
  #transfer: Transfer | undefined;
  #download: Download | undefined;
  #identity: Identity = {};
  /** Whether the entry belongs to this file. */
  #ours = false;
  /** The length for which there is space, once checked. */
  #reserved = 0;
  #index = 0;
  #position = 0;
  #arrived = 0;

  private constructor(
    readonly file: RemoteFile,
    readonly options: DownloadOptions,
  ) {
    this.#writer = options.writer;
    this.#chunkBytes = file.chunks?.bytes ?? options.chunkBytes ?? CHUNK;
    // Needed even if the chunks have hashes: the hash of the whole file is the entry's key, and may not belong to the
    // same file as the chunk hashes.
    this.#hash = file.sha256 === undefined ? undefined : new options.Sha256();
    options.signal.addEventListener('abort', this.#end);
    if (options.signal.aborted) this.#end();
  }

  /** Finds out what is stored, and requests the first missing chunks. */
  static async open(file: RemoteFile, options: DownloadOptions): Promise<ChunkedDownload> {
    const download = new ChunkedDownload(file, options);
    try {
      await download.#connect();
      return download;
    } catch (error) {
      await download.giveUp(!(error instanceof FileChanged));
      throw error;
    }
  }

  /** The file's length, if known, and its version. */
  get identity(): Identity {
    return this.#identity;
  }

  /** Bytes that were returned, or have arrived and wait. This number never decreases. */
  get arrived(): number {
    this.#arrived = Math.max(this.#arrived, this.#position + (this.#download?.pending ?? 0));
    return this.#arrived;
  }

  /** The origin of the next chunk. */
  get origin(): Chunk['origin'] {
    return this.#there.has(this.#index) ? 'cache' : 'download';
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk> {
    const { total } = this.#identity;
    const count = total === undefined ? Infinity : Math.ceil(total / this.#chunkBytes);
    for (this.#index = 0; this.#index < count; this.#index++) {
      const stored = this.#there.has(this.#index) ? this.#writer?.read(this.#index) : undefined;
      if (!stored) this.#there.delete(this.#index);
      const bytes = stored ?? (await (await this.#fetched(this.#index)).take(this.#index));
      if (bytes.length === 0) break;
      this.#hash?.update(bytes);
      this.#position += bytes.length;
      this.#writer?.lock.say(this.arrived, total);
      yield { bytes, origin: stored ? 'cache' : 'download' };
    }
  }

  /**
   * Completes the file after its last chunk.
   *
   * @returns whether it is stored
   * @throws LinnetError `integrity`; BrokenEntry if the stored data may be the cause
   */
  async finish(): Promise<boolean> {
    const found = this.#hash?.hex();
    if (found !== undefined && found !== this.file.sha256) {
      await this.giveUp(false);
      if (this.#there.size > 0) throw new BrokenEntry();
      throw new LinnetError('integrity', 'Checksum mismatch: the SHA-256 of the file is not the expected one.', {
        url: this.#transfer?.url ?? this.file.urls[0],
        expected: this.file.sha256,
        found,
      });
    }
    await this.#attempt((writer) => writer.complete(this.#position));
    const stored = this.#writer !== undefined;
    this.#writer = undefined;
    await this.giveUp(true);
    return stored;
  }

  /**
   * Ends the download.
   *
   * @param keep whether the bytes so far are good, so that the next download can continue with them
   */
  async giveUp(keep: boolean): Promise<void> {
    this.options.signal.removeEventListener('abort', this.#end);
    this.#end();
    await this.#download?.settle();
    this.#transfer?.close();
    this.#hash?.free();
    this.#hash = undefined;
    const writer = this.#writer;
    this.#writer = undefined;
    if (keep && this.#isResumable(writer)) writer?.keep();
    else await writer?.discard();
  }

  /** Called by the {@link Download}: returns an empty chunk, or its stored part. */
  begin(index: number): ChunkBuffer {
    const start = index * this.#chunkBytes;
    const length = Math.min(this.#chunkBytes, (this.#identity.total ?? Infinity) - start);
    const piece: ChunkBuffer = { index, start, bytes: new Uint8Array(length), filled: 0 };
    const kept = this.#ours ? this.#writer?.read(index) : undefined;
    if (kept && kept.length < length) {
      piece.bytes.set(kept);
      piece.filled = kept.length;
    }
    return piece;
  }

  async accept({ index, start, bytes }: ChunkBuffer): Promise<boolean> {
    const expected = this.file.chunks?.sha256[index];
    if (expected !== undefined) {
      const found = await this.#sha256(bytes);
      if (found !== expected) {
        const tries = (this.#tries.get(index) ?? 0) + 1;
        this.#tries.set(index, tries);
        if (tries < TRIES && this.#transfer?.ranged) return false;
        const range = `${start} to ${start + bytes.length}`;
        const text = `Checksum mismatch: the SHA-256 of the bytes ${range} is not the expected one.`;
        throw new LinnetError('integrity', text, {
          url: this.#transfer?.url,
          chunk: index,
          from: start,
          to: start + bytes.length,
          expected,
          found,
        });
      }
    }
    await this.#attempt((writer) => writer.save(index, bytes));
    return true;
  }

  async abandon({ index, bytes, filled }: ChunkBuffer): Promise<void> {
    // A complete chunk that is still here was rejected.
    if (filled < this.#chunkBytes * LEAST_KEPT || filled === bytes.length || !this.#transfer?.ranged) return;
    // The download ends for another reason, which this error must not replace.
    await this.#attempt((writer) => writer.save(index, bytes.subarray(0, filled))).catch(() => {});
  }

  async #connect(): Promise<void> {
    const journal = this.#writer?.journal;
    if (!journal || !this.#fits(journal.description)) {
      this.#identity = { total: this.file.bytes };
      await this.#reserve(this.file.bytes);
      return this.#start(await this.#open(0));
    }
    this.#ours = true;
    const { total, validator } = journal.description;
    this.#identity = { total, validator };
    for (const index of journal.whole()) this.#there.add(index);
    const { done, value: first } = journal.missing().next();
    // All bytes arrived, but were not verified.
    if (done) return;
    await this.#reserve(total);
    const transfer = await this.#open(first);
    if (!this.#goesOn(transfer)) return this.#start(transfer);
    this.#download = new Download(transfer, journal.missing(), this);
  }

  /** Whether the journal is about this file, in chunks of the same size, and distinguishes it from other versions. */
  #fits({ chunkBytes, total, validator, sha256 }: Description): boolean {
    const known = total !== undefined && (sha256 !== undefined || validator !== undefined);
    return (
      known && sha256 === this.file.sha256 && chunkBytes === this.#chunkBytes && (this.file.bytes ?? total) === total
    );
  }

  /** Starts at the file's beginning. */
  async #start(transfer: Transfer): Promise<void> {
    const { url, total, validator } = transfer;
    const { sha256, called } = this.file;
    this.#there.clear();
    this.#ours = false;
    this.#identity = { total, validator };
    const version = { ...(total === undefined ? {} : { total }), ...(validator === undefined ? {} : { validator }) };
    // The query of an address that changes may be a secret, and is not stored.
    const place = called === undefined ? { url } : { url: url.replace(/[?#].*/, ''), key: called };
    const description = {
      ...place,
      chunkBytes: this.#chunkBytes,
      ...version,
      ...(sha256 === undefined ? {} : { sha256 }),
    };
    await this.#attempt((writer) => writer.restart(description));
    await this.#reserve(total);
    this.#ours = true;
    if (transfer.ranged && transfer.from !== 0) transfer.close();
    this.#download = new Download(transfer, upTo(Math.ceil((total ?? 0) / this.#chunkBytes)), this);
  }

  async #open(index: number): Promise<Transfer> {
    const { start, filled, bytes } = this.begin(index);
    const { retryDelays, stallTimeout, onBytes } = this.options;
    const options: TransferOptions = {
      ...(this.file.bytes === undefined ? {} : { bytes: this.file.bytes }),
      ...(retryDelays ? { retryDelays } : {}),
      ...(stallTimeout ? { stallTimeout } : {}),
      ...(onBytes ? { onBytes } : {}),
      hashed: this.file.sha256 !== undefined,
      signal: this.#stop.signal,
    };
    this.#transfer = await Transfer.open(this.file.urls, { start: start + filled, end: start + bytes.length }, options);
    return this.#transfer;
  }

  /** The transfer, created when it is first needed. */
  async #fetched(index: number): Promise<Download> {
    if (!this.#download) {
      const transfer = await this.#open(index);
      if (!this.#goesOn(transfer)) {
        transfer.close();
        throw new FileChanged(transfer.url);
      }
      this.#download = new Download(transfer, [index], this);
    }
    return this.#download;
  }

  /**
   * Whether the transfer continues the stored file. A server that sends the whole file must tell its length, unless the
   * file's hash is known.
   */
  #goesOn(transfer: Transfer): boolean {
    const hashed = this.file.sha256 !== undefined;
    return (transfer.ranged || transfer.total !== undefined || hashed) && sameFile(this.#identity, transfer, hashed);
  }

  /** Checks that there is space for the whole file. If not, it is not stored. */
  async #reserve(total: number | undefined): Promise<void> {
    if (total === undefined || total === this.#reserved) return;
    this.#reserved = total;
    await this.#attempt((writer) => writer.reserve(total));
  }

  /** Runs an action on the entry. A full disk does not stop the load. */
  async #attempt(action: (writer: CacheWriter) => void): Promise<void> {
    try {
      if (this.#writer) action(this.#writer);
    } catch (error) {
      await this.#doWithout(error);
    }
  }

  async #doWithout(why: unknown): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    const { code, message, details } = toLinnetError(why);
    const room = code === 'quota' ? await roomFor(this.#identity.total ?? this.file.bytes) : {};
    const error = new LinnetError(code, message, { ...details, ...room });
    this.notStored = toPlain(error);
    await writer?.discard();
    if (this.options.mustStore) throw error;
  }

  /** Whether a later download could recognize the file, and could continue at all. */
  #isResumable(writer: CacheWriter | undefined): boolean {
    const { total, validator, sha256 } = writer?.journal?.description ?? {};
    return total !== undefined && (validator !== undefined || sha256 !== undefined);
  }

  async #sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    // Faster, and off this thread, but needs HTTPS.
    if (globalThis.crypto?.subtle) return sha256Of(bytes);
    const hash = new this.options.Sha256();
    try {
      hash.update(bytes);
      return hash.hex();
    } finally {
      hash.free();
    }
  }
}

/** The numbers below this one. They are generated one by one, since a server may claim any length. */
function* upTo(count: number): Generator<number> {
  for (let index = 0; index < count; index++) yield index;
}

/** The space that was needed, and the browser's estimate if it agrees with its refusal. */
async function roomFor(need: number | undefined): Promise<object> {
  const { quota, free } = await roomHint().catch((): Awaited<ReturnType<typeof roomHint>> => ({}));
  return {
    ...(need === undefined ? {} : { need }),
    ...(free !== undefined && free < (need ?? 0) ? { quota, free } : {}),
  };
}
