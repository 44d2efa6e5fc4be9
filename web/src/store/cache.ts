import { LinnetError } from '../protocol/errors.ts';
import { entryFiles, isWhole, openFolder, readEntry, removeEntry, removeFiles } from './opfs.ts';
import { type Description, isNewer, Journal, lines } from './journal.ts';
import { blobSlices } from './slices.ts';
import { TabLock, type RemoteProgress } from './tab-lock.ts';
import type { WasmHash } from '../protocol/wasm.ts';

/**
 * Waits before each try to open a file for writing, in milliseconds: after a reload, the previous page may still be
 * closing it.
 */
const OPEN_WAITS = [0, 100, 200, 400];

/** Makes a checksum. */
export type NewChecksum = new () => WasmHash;

/** The message where {@link ModelCache.begin} gives no writer. */
export const NO_WRITER =
  'Another tab is using the stored model, or this page may not write to it. ' +
  'Close other tabs of this site and try again.';

/** The stored copy was damaged. The damaged part has been removed. */
export class BrokenEntry extends LinnetError {
  constructor() {
    super('integrity', 'The stored copy of the model was damaged.');
  }
}

/**
 * The models that this origin stores in the browser's private file system (OPFS).
 *
 * Only the tab that holds an entry's {@link TabLock} changes it; complete entries are read without a lock.
 */
export class ModelCache {
  private constructor(
    readonly folder: FileSystemDirectoryHandle,
    readonly Checksum: NewChecksum,
  ) {}

  /** Returns `undefined` if the browser has no such store or refuses it (private windows, blocked site data). */
  static async open(Checksum: NewChecksum): Promise<ModelCache | undefined> {
    const folder = await openFolder();
    return folder && new ModelCache(folder, Checksum);
  }

  /** The complete file with that key, if it is stored. */
  async find(key: string): Promise<StoredFile | undefined> {
    const entry = await readEntry(this.folder, key);
    if (typeof entry === 'string' || !isWhole(entry)) return undefined;
    return new StoredFile(this, key, entry.journal, entry.data.handle, entry.data.file);
  }

  /**
   * Waits for the entry's lock, and opens the entry.
   *
   * @returns `undefined` if another tab keeps the lock, or if nothing can be written
   */
  async begin(
    key: string,
    signal: AbortSignal,
    onWait: (progress: RemoteProgress) => void,
  ): Promise<CacheWriter | undefined> {
    const lock = await TabLock.take(key, signal, onWait);
    if (!lock) return undefined;
    const names = entryFiles(key);
    const data = await openToWrite(this.folder, names.data);
    const log = data && (await openToWrite(this.folder, names.journal));
    try {
      // Throws if the journal cannot be read, or is a later version's: then the entry is left alone.
      if (data && log) return new CacheWriter(this, key, lock, data, log);
    } catch {
      log?.close();
    }
    data?.close();
    lock.release();
    return undefined;
  }

  /** Forgets an entry. One that another tab is using stays. */
  async forget(key: string): Promise<void> {
    await removeEntry(this.folder, key).catch(() => {});
  }

  /** Removes the files of an entry that this tab holds. */
  async remove(key: string): Promise<void> {
    await removeFiles(this.folder, key).catch(() => {});
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
}

/** A complete file in the store. */
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
   * Its chunks in order, each verified before it is returned. The chunks share one buffer.
   *
   * @throws BrokenEntry for a damaged chunk, which is then marked as missing, or if another tab is changing the file
   */
  async *chunks(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let index = 0;
    try {
      for await (const bytes of this.#slices()) {
        if (
          bytes.length !== this.journal.lengthOf(index) ||
          this.cache.sum(bytes) !== this.journal.chunk(index)?.checksum
        )
          break;
        yield bytes;
        index++;
      }
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      throw new BrokenEntry();
    }
    if (index === this.journal.count()) return;
    const writer = await this.cache.begin(this.key, new AbortController().signal, () => {});
    try {
      writer?.drop(index);
      writer?.keep();
    } catch {
      // The disk is so full that not even this can be recorded; otherwise the next visit would read the same.
      await writer?.discard();
    }
    throw new BrokenEntry();
  }

  async *#slices(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { chunkBytes } = this.journal.description;
    // Much faster than a blob, whose bytes come from another process. Some browsers allow it for only one tab at a
    // time.
    const handle = await this.handle.createSyncAccessHandle({ mode: 'read-only' }).catch(() => undefined);
    if (!handle) return yield* blobSlices(this.file.slice(0, this.total), chunkBytes);
    try {
      const buffer = new Uint8Array(Math.min(chunkBytes, this.total));
      for (let index = 0; index < this.journal.count()!; index++)
        yield readAt(handle, buffer.subarray(0, this.journal.lengthOf(index)), index * chunkBytes);
    } finally {
      handle.close();
    }
  }
}

/**
 * An entry that only this worker may change. Each path ends in `complete`, `keep` or `discard`.
 *
 * Writing throws `quota` if there is no space, and `no-storage` if the browser has removed the files meanwhile, for
 * example when the site's data were cleared.
 */
export class CacheWriter {
  #journal: Journal | undefined;

  /** @throws DOMException if the journal cannot be read, Error if it is for a later version of this package to read */
  constructor(
    readonly cache: ModelCache,
    readonly key: string,
    readonly lock: TabLock,
    readonly data: FileSystemSyncAccessHandle,
    readonly log: FileSystemSyncAccessHandle,
  ) {
    const text = new TextDecoder().decode(readAt(this.log, new Uint8Array(this.log.getSize()), 0));
    // A tab with an earlier version of the page must not undo what a later version stored.
    if (isNewer(text)) throw new Error('a later journal');
    dropTorn(this.log);
    this.#journal = Journal.parse(text);
    // After a crash or an eviction there may be less data than the journal says.
    if (this.#journal?.limitTo(this.data.getSize())) writing(() => this.#rewrite());
  }

  /** What an earlier download stored. */
  get journal(): Journal | undefined {
    return this.#journal;
  }

  /** Starts the entry from scratch. */
  restart(description: Description): void {
    this.#journal = new Journal(description);
    writing(() => {
      this.data.truncate(0);
      this.#rewrite();
    });
  }

  /** Checks that there is space for the whole file by allocating it. (The browser's estimate is only a guess.) */
  reserve(total: number): void {
    writing(() => {
      const size = this.data.getSize();
      if (size >= total) return;
      this.data.truncate(total);
      const given = this.data.getSize();
      this.data.truncate(size);
      // A private window of Chromium does not throw.
      if (given !== total) throw noRoom();
    });
  }

  /** Reads the stored part of a chunk. If its checksum does not match, it is marked as missing. */
  read(index: number): Uint8Array<ArrayBuffer> | undefined {
    const saved = this.#journal?.chunk(index);
    if (!this.#journal || !saved || saved.bytes > this.#journal.lengthOf(index)) return undefined;
    try {
      const bytes = readAt(this.data, new Uint8Array(saved.bytes), index * this.#journal.description.chunkBytes);
      if (bytes.length === saved.bytes && this.cache.sum(bytes) === saved.checksum) return bytes;
      this.drop(index);
    } catch {
      // The file can no longer be read: the chunk is downloaded, and storing it reports the error.
    }
    return undefined;
  }

  /** Writes a chunk, or the beginning of one. */
  save(index: number, bytes: Uint8Array): void {
    const journal = this.#journal;
    if (!journal) return;
    writing(() => {
      writeAll(this.data, bytes, index * journal.description.chunkBytes);
      this.#note(lines.saved(index, { bytes: bytes.length, checksum: this.cache.sum(bytes) }));
    });
  }

  /** Marks a chunk as missing. */
  drop(index: number): void {
    writing(() => this.#note(lines.dropped(index)));
  }

  /** Marks the entry as complete and verified. @param total the file's length */
  complete(total: number): void {
    if (!this.#journal) return;
    writing(() => {
      this.data.flush();
      if (this.data.getSize() < total) throw noRoom();
      // Removes bytes beyond the end, from an earlier version of the file or a failing disk.
      this.data.truncate(total);
      if (this.#journal!.description.total !== total) this.#setTotal(total);
      this.#note(lines.done());
      this.log.flush();
    });
    this.#close();
  }

  /** Keeps the bytes so far for a later download. */
  keep(): void {
    try {
      this.data.flush();
      this.log.flush();
    } catch {
      // Missing bytes are detected later.
    } finally {
      this.#close();
    }
  }

  /** Removes the entry. */
  async discard(): Promise<void> {
    closeAll(this.data, this.log);
    await this.cache.remove(this.key);
    this.lock.release();
  }

  #setTotal(total: number): void {
    const known = this.#journal!;
    this.#journal = new Journal({ ...known.description, total });
    for (const [index, chunk] of known.chunks()) this.#journal.apply(lines.saved(index, chunk));
    this.#rewrite();
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
    closeAll(this.data, this.log);
    this.lock.release();
  }
}

/** Runs an action that writes, and translates its errors. @throws LinnetError `quota`, `no-storage` */
function writing(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (error instanceof LinnetError) throw error;
    const { name, message } = error as Error;
    if (name === 'QuotaExceededError') throw noRoom();
    throw new LinnetError('no-storage', 'The browser no longer lets this page store the model. Reload the page.', {
      cause: `${name}: ${message}`,
    });
  }
}

function noRoom(): LinnetError {
  return new LinnetError(
    'quota',
    'The browser has no room to store the model. Free some space, or remove other models.',
  );
}

function closeAll(...handles: FileSystemSyncAccessHandle[]): void {
  for (const handle of handles) {
    try {
      handle.close();
    } catch {
      // Its file no longer exists.
    }
  }
}

async function openToWrite(
  folder: FileSystemDirectoryHandle,
  name: string,
): Promise<FileSystemSyncAccessHandle | undefined> {
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

/** Removes an incomplete last line, left by a crash, so that the next line is not appended to it. */
function dropTorn(log: FileSystemSyncAccessHandle): void {
  const size = log.getSize();
  const tail = readAt(log, new Uint8Array(Math.min(size, 1024)), Math.max(0, size - 1024));
  log.truncate(size - tail.length + tail.lastIndexOf(10) + 1);
}

/** Fills the buffer; returns a part of it if the file ends before. */
function readAt(
  handle: FileSystemSyncAccessHandle,
  buffer: Uint8Array<ArrayBuffer>,
  at: number,
): Uint8Array<ArrayBuffer> {
  let read = 0;
  while (read < buffer.length) {
    const count = handle.read(buffer.subarray(read), { at: at + read });
    // 0 at the end of the file; a count above the request is invalid.
    if (count === 0 || count > buffer.length - read) break;
    read += count;
  }
  return buffer.subarray(0, read);
}

/**
 * Writes all bytes. Not every browser throws if there is no space: Firefox writes less, and a private window of
 * Chromium claims to have written 4,294,967,288 bytes.
 */
function writeAll(handle: FileSystemSyncAccessHandle, bytes: Uint8Array, at: number): void {
  const count = handle.write(bytes, { at });
  if (count !== bytes.length || handle.getSize() < at + bytes.length) throw noRoom();
}
