import { BrokenEntry, type CacheWriter } from '../store/cache.ts';
import { type ChunkKeeper, Download } from './download.ts';
import { LinnetError, type PlainError, toLinnetError, toPlain } from '../protocol/errors.ts';
import { sha256Of } from '../store/hex.ts';
import type { Description } from '../store/journal.ts';
import { roomHint } from '../store/room.ts';
import type { RemoteFile } from '../protocol/model-files.ts';
import { FileChanged, type Identity, type ChunkBuffer, sameFile, Transfer, type TransferOptions } from './transfer.ts';
import type { WasmHash } from '../protocol/wasm.ts';

/** Bytes of a chunk where a list does not say otherwise: what is asked for at once, checked at once, and lost at most when the tab dies in the middle of it. */
export const CHUNK = 4 << 20;
/** A chunk that comes with a wrong hash is asked for so often. */
const TRIES = 3;
/** A smaller part of a chunk is not worth a line in the journal. */
const LEAST_KEPT = 1 / 64;

/** A chunk of a file, and where it was. */
export interface Chunk {
  bytes: Uint8Array<ArrayBuffer>;
  origin: 'cache' | 'download';
}

/** What is needed beside the file. */
export interface DownloadOptions {
  /** The file's entry in the store; without one nothing of it is kept. */
  writer: CacheWriter | undefined;
  /** Whether the file must be stored: where there is no room for it, none of it is fetched. */
  mustStore?: boolean;
  /** Bytes of a chunk, where no list says otherwise. */
  chunkBytes?: number;
  Sha256: new () => WasmHash;
  signal: AbortSignal;
  retryDelays?: readonly number[];
  stallTimeout?: number;
  /** Hears that so many bytes have just come over the network. */
  onBytes?: (count: number) => void;
}

/**
 * A file of the network, chunk by chunk and in order: what an earlier download has left comes from the store, the rest is
 * fetched, checked and stored. Every path ends in `finish` or `giveUp`.
 */
export class ChunkedDownload implements ChunkKeeper, AsyncIterable<Chunk> {
  /** Why the file is not stored, where it is not. */
  notStored: PlainError | undefined;
  readonly #stop = new AbortController();
  readonly #end = () => this.#stop.abort();
  readonly #chunkBytes: number;
  #hash: WasmHash | undefined;
  readonly #tries = new Map<number, number>();
  /** The chunks that an earlier download has left. */
  readonly #there = new Set<number>();
  #writer: CacheWriter | undefined;
  #transfer: Transfer | undefined;
  #download: Download | undefined;
  #identity: Identity = {};
  /** Whether the entry is of this very file. */
  #ours = false;
  /** The length for which there is room, as was found out. */
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
    // Also where the chunks have hashes: it is the whole one that names the entry in the store, and nobody has compared them.
    this.#hash = file.sha256 === undefined ? undefined : new options.Sha256();
    options.signal.addEventListener('abort', this.#end);
    if (options.signal.aborted) this.#end();
  }

  /** Finds out what is there, and asks for the first of what is not. */
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

  /** The file's length, as far as it is known, and its version. */
  get identity(): Identity {
    return this.#identity;
  }

  /** Bytes that have been given, or have come and wait for their turn. It never gets less. */
  get arrived(): number {
    this.#arrived = Math.max(this.#arrived, this.#position + (this.#download?.pending ?? 0));
    return this.#arrived;
  }

  /** Where the chunk is that comes next. */
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
   * After the last chunk: the file counts from now on.
   *
   * @returns whether it is stored
   * @throws LinnetError `integrity`; BrokenEntry if what was stored may be to blame
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

  /** Ends the download. @param keep whether what has come is good, so that the next one may go on with it */
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

  /** For the {@link Download}: an empty chunk, or what was kept of it. */
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
        const text = `Checksum mismatch: the SHA-256 of the bytes ${start} to ${start + bytes.length} is not the expected one.`;
        throw new LinnetError('integrity', text, { url: this.#transfer?.url, chunk: index, from: start, to: start + bytes.length, expected, found });
      }
    }
    await this.#attempt((writer) => writer.save(index, bytes));
    return true;
  }

  async abandon({ index, bytes, filled }: ChunkBuffer): Promise<void> {
    // One that is whole and still here has been refused.
    if (filled < this.#chunkBytes * LEAST_KEPT || filled === bytes.length || !this.#transfer?.ranged) return;
    // The download ends for a reason of its own, which this must not take the place of.
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
    // All came, but nobody has said that it is right.
    if (done) return;
    await this.#reserve(total);
    const transfer = await this.#open(first);
    if (!this.#goesOn(transfer)) return this.#start(transfer);
    this.#download = new Download(transfer, journal.missing(), this);
  }

  /** Whether it is about this file, cut in the same way, and such that another version of it could be told from it. */
  #fits({ chunkBytes, total, validator, sha256 }: Description): boolean {
    const known = total !== undefined && (sha256 !== undefined || validator !== undefined);
    return known && sha256 === this.file.sha256 && chunkBytes === this.#chunkBytes && (this.file.bytes ?? total) === total;
  }

  /** From the file's beginning. */
  async #start(transfer: Transfer): Promise<void> {
    const { url, total, validator } = transfer;
    const { sha256, called } = this.file;
    this.#there.clear();
    this.#ours = false;
    this.#identity = { total, validator };
    const version = { ...(total === undefined ? {} : { total }), ...(validator === undefined ? {} : { validator }) };
    // The query of an address that changes is a key to it, and no business of the store's.
    const place = called === undefined ? { url } : { url: url.replace(/[?#].*/, ''), key: called };
    const description = { ...place, chunkBytes: this.#chunkBytes, ...version, ...(sha256 === undefined ? {} : { sha256 }) };
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

  /** What fetches a chunk; there may have been no need of it up to now. */
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

  /** Whether what it gives is the rest of what is stored. One that gives the whole file must say its length, or its hash will tell. */
  #goesOn(transfer: Transfer): boolean {
    const hashed = this.file.sha256 !== undefined;
    return (transfer.ranged || transfer.total !== undefined || hashed) && sameFile(this.#identity, transfer, hashed);
  }

  /** Finds out whether there is room for the whole file. Where there is none, it is not stored. */
  async #reserve(total: number | undefined): Promise<void> {
    if (total === undefined || total === this.#reserved) return;
    this.#reserved = total;
    await this.#attempt((writer) => writer.reserve(total));
  }

  /** Does something with the entry. A full disk is no reason not to chat. */
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

  /** Whether a later download could tell that it goes on with the same file, and could go on at all. */
  #isResumable(writer: CacheWriter | undefined): boolean {
    const { total, validator, sha256 } = writer?.journal?.description ?? {};
    return total !== undefined && (validator !== undefined || sha256 !== undefined);
  }

  async #sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    // Faster, and not in this thread; but pages without https have none.
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

/** The numbers below that, one by one: a server may have claimed any. */
function* upTo(count: number): Generator<number> {
  for (let index = 0; index < count; index++) yield index;
}

/** What was needed, and what the browser says of its room where that fits to its refusal. */
async function roomFor(need: number | undefined): Promise<object> {
  const { quota, free } = await roomHint().catch((): Awaited<ReturnType<typeof roomHint>> => ({}));
  return { ...(need === undefined ? {} : { need }), ...(free !== undefined && free < (need ?? 0) ? { quota, free } : {}) };
}
