import { LinnetError } from './errors.ts';
import { openFolder } from './folder.ts';
import { type Description, Journal, lines } from './journal.ts';
import { blobSlices } from './slices.ts';
import type { RemoteFile } from './sources.ts';
import { Turn, type Elsewhere } from './turn.ts';
import type { WasmHash } from './wasm.ts';

/** Milliseconds before each try to open a file for writing: the page that was here before a reload may just be letting go of it. */
const OPEN_WAITS = [0, 100, 200, 400];

/** Makes a checksum. */
export type NewChecksum = new () => WasmHash;

/** The name of a file's entry in the store: its hash where that is known, else that of its public address. */
export function keyOf({ key, sha256, urls }: RemoteFile, Sha256: new () => WasmHash): string {
  if (key !== undefined || sha256 !== undefined) return (key ?? sha256)!;
  const hash = new Sha256();
  try {
    hash.update(new TextEncoder().encode(urls.at(-1)));
    return hash.hex();
  } finally {
    hash.free();
  }
}

/** Says that the stored copy was not what it should be. What was wrong is gone by then. */
export class BrokenEntry extends LinnetError {
  constructor() {
    super('integrity', 'The stored copy of the model was damaged.');
  }
}

/**
 * The models that this origin keeps in the browser's private file system (OPFS).
 *
 * Each has two files: the data, `<key>.gguf`, and `<key>.journal`, which says which chunks of it are there and what their
 * checksums are. An entry changes only in the hands of the one tab whose {@link Turn} it is; whole entries are read without one.
 */
export class ModelCache {
  private constructor(
    readonly folder: FileSystemDirectoryHandle,
    readonly Checksum: NewChecksum,
  ) {}

  /** Gives `undefined` where the browser has no such store or refuses it (private windows, blocked site data). */
  static async open(Checksum: NewChecksum): Promise<ModelCache | undefined> {
    const folder = await openFolder();
    return folder && new ModelCache(folder, Checksum);
  }

  /** The whole file of that key, if it is there. */
  async find(key: string): Promise<StoredFile | undefined> {
    const journal = await this.#readJournal(key);
    if (!journal?.isWhole()) return undefined;
    try {
      const handle = await this.folder.getFileHandle(`${key}.gguf`);
      return new StoredFile(this, key, journal, handle, await handle.getFile());
    } catch {
      return undefined;
    }
  }

  /**
   * Waits for this tab's turn to change the entry, and opens it.
   *
   * @returns `undefined` if another tab keeps it, or if nothing can be written
   */
  async begin(key: string, signal: AbortSignal, onWait: (elsewhere: Elsewhere) => void): Promise<CacheWriter | undefined> {
    const turn = await Turn.take(key, signal, onWait);
    if (!turn) return undefined;
    const data = await openToWrite(this.folder, `${key}.gguf`);
    const log = data && (await openToWrite(this.folder, `${key}.journal`));
    if (data && log) return new CacheWriter(this, key, turn, data, log, await this.#readJournal(key));
    data?.close();
    turn.release();
    return undefined;
  }

  /** Forgets an entry. One that another tab is writing stays. */
  async remove(key: string): Promise<void> {
    // The journal first: data without it is nothing, a journal without data would be a broken entry.
    for (const name of [`${key}.journal`, `${key}.gguf`]) await this.folder.removeEntry(name).catch(() => {});
  }

  /** The checksum of a chunk. */
  sum(bytes: Uint8Array): string {
    const checksum = new this.Checksum();
    try {
      checksum.update(bytes);
      return checksum.hex();
    } finally {
      checksum.free();
    }
  }

  async #readJournal(key: string): Promise<Journal | undefined> {
    try {
      return Journal.parse(await (await (await this.folder.getFileHandle(`${key}.journal`)).getFile()).text());
    } catch {
      return undefined;
    }
  }
}

/** A whole file from the store. */
export class StoredFile {
  constructor(
    readonly cache: ModelCache,
    readonly key: string,
    readonly journal: Journal,
    readonly handle: FileSystemFileHandle,
    readonly file: File,
  ) {}

  /** Its length in bytes. */
  get total(): number {
    return this.journal.description.total!;
  }

  /**
   * Its chunks in order, each checked before it is given. A chunk's buffer is used again for the next one.
   *
   * @throws BrokenEntry for a damaged chunk, which then counts as missing, or if another tab is changing the file
   */
  async *chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let index = 0;
    try {
      for await (const bytes of this.#slices()) {
        if (bytes.length !== this.journal.lengthOf(index) || this.cache.sum(bytes) !== this.journal.chunk(index)?.checksum) break;
        yield bytes;
        index++;
      }
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      throw new BrokenEntry();
    }
    if (index === this.journal.count()) return;
    const writer = await this.cache.begin(this.key, new AbortController().signal, () => {});
    writer?.drop(index);
    writer?.keep();
    throw new BrokenEntry();
  }

  async *#slices(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { chunkBytes } = this.journal.description;
    // Many times as fast as a blob, whose bytes come from another process. Some browsers lend it to one tab at a time.
    const handle = await this.handle.createSyncAccessHandle({ mode: 'read-only' }).catch(() => undefined);
    if (!handle) return yield* blobSlices(this.file.slice(0, this.total), chunkBytes);
    try {
      const buffer = new Uint8Array(Math.min(chunkBytes, this.total));
      for (let index = 0; index < this.journal.count()!; index++) yield readAt(handle, buffer.subarray(0, this.journal.lengthOf(index)), index * chunkBytes);
    } finally {
      handle.close();
    }
  }
}

/** An entry that this worker alone may change. Every path ends in `complete`, `keep` or `discard`. */
export class CacheWriter {
  #journal: Journal | undefined;

  constructor(
    readonly cache: ModelCache,
    readonly key: string,
    readonly turn: Turn,
    readonly data: FileSystemSyncAccessHandle,
    readonly log: FileSystemSyncAccessHandle,
    journal: Journal | undefined,
  ) {
    this.#journal = journal;
    if (journal) dropTorn(this.log);
  }

  /** What an earlier download has left. */
  get journal(): Journal | undefined {
    return this.#journal;
  }

  /** Starts the entry anew. @throws LinnetError `quota`, as the other methods that write do */
  restart(description: Description): void {
    this.#journal = new Journal(description);
    this.data.truncate(0);
    this.#rewrite();
  }

  /** What is there of a chunk, if it is what was written; else it counts as missing from now on. */
  read(index: number): Uint8Array<ArrayBuffer> | undefined {
    const saved = this.#journal?.chunk(index);
    if (!this.#journal || !saved || saved.bytes > this.#journal.lengthOf(index)) return undefined;
    const bytes = readAt(this.data, new Uint8Array(saved.bytes), index * this.#journal.description.chunkBytes);
    if (bytes.length === saved.bytes && this.cache.sum(bytes) === saved.checksum) return bytes;
    this.drop(index);
    return undefined;
  }

  /** Writes a chunk, or a beginning of one. */
  save(index: number, bytes: Uint8Array): void {
    if (!this.#journal) return;
    writeAll(this.data, bytes, index * this.#journal.description.chunkBytes);
    this.#note(lines.saved(index, { bytes: bytes.length, checksum: this.cache.sum(bytes) }));
  }

  /** Takes a chunk for missing. */
  drop(index: number): void {
    this.#note(lines.dropped(index));
  }

  /** Everything is there and is right: from now on the entry counts. @param total the file's length */
  complete(total: number): void {
    if (!this.#journal) return;
    // What an earlier version of the file had at its end, or a failing disk.
    this.data.truncate(total);
    this.data.flush();
    if (this.#journal.description.total !== total) {
      const { description } = this.#journal;
      const known = this.#journal;
      this.#journal = new Journal({ ...description, total });
      for (let index = 0; index < this.#journal.count()!; index++) this.#journal.apply(lines.saved(index, known.chunk(index)!));
      this.#rewrite();
    }
    this.#note(lines.done());
    this.#close();
  }

  /** Leaves what came so far for a later download to go on with. */
  keep(): void {
    try {
      this.data.flush();
    } finally {
      this.#close();
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    this.data.close();
    this.log.close();
    await this.cache.remove(this.key);
    this.turn.release();
  }

  #note(line: string): void {
    this.#journal?.apply(line);
    writeAll(this.log, new TextEncoder().encode(line), this.log.getSize());
  }

  #rewrite(): void {
    this.log.truncate(0);
    writeAll(this.log, new TextEncoder().encode(this.#journal!.text()), 0);
  }

  #close(): void {
    this.data.close();
    this.log.flush();
    this.log.close();
    this.turn.release();
  }
}

async function openToWrite(folder: FileSystemDirectoryHandle, name: string): Promise<FileSystemSyncAccessHandle | undefined> {
  for (const wait of OPEN_WAITS) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    try {
      return await (await folder.getFileHandle(name, { create: true })).createSyncAccessHandle();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NoModificationAllowedError') return undefined;
    }
  }
  return undefined;
}

/** Takes away a last line that a crash has torn: the next one must not be glued to it. */
function dropTorn(log: FileSystemSyncAccessHandle): void {
  const size = log.getSize();
  const tail = readAt(log, new Uint8Array(Math.min(size, 1024)), Math.max(0, size - 1024));
  log.truncate(size - tail.length + tail.lastIndexOf(10) + 1);
}

/** Fills the buffer; gives less where the file ends. */
function readAt(handle: FileSystemSyncAccessHandle, buffer: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> {
  let read = 0;
  while (read < buffer.length) {
    const count = handle.read(buffer.subarray(read), { at: at + read });
    if (count === 0) break;
    read += count;
  }
  return buffer.subarray(0, read);
}

/** Firefox does not throw when the quota is reached: it writes less than it was asked to. */
function writeAll(handle: FileSystemSyncAccessHandle, bytes: Uint8Array, at: number): void {
  let written = 0;
  while (written < bytes.length) {
    const count = handle.write(bytes.subarray(written), { at: at + written });
    if (count === 0) throw new LinnetError('quota', 'The browser gives no more room to store the model.');
    written += count;
  }
}
