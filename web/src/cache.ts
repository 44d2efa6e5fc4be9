import type { PartialFile } from './download.ts';
import { LinnetError } from './errors.ts';

/** Milliseconds before each try to get a lock: the page that was here before a reload may just be letting go of it. */
const LOCK_WAITS = [0, 100, 200, 400];

/** What is known about a stored file. It lies beside the data, and only `complete` makes the data a model. */
interface Entry {
  version: 1;
  url: string;
  total?: number;
  validator?: string;
  /** Whether a later download may go on with a beginning of this: it can be told from another file's. */
  resumable?: boolean;
  complete?: { bytes: number; sha256: string };
}

/** A whole file from the store, and the hash that its bytes had when they were written. */
export interface StoredFile {
  file: File;
  sha256: string;
}

/**
 * The models that this origin keeps in the browser's private file system (OPFS).
 *
 * Each has two files, `<key>.gguf` and `<key>.json`. The data file's exclusive handle is the lock under which an entry
 * changes, so two tabs cannot write into one another's download; whole entries are read without a lock.
 */
export class ModelCache {
  private constructor(readonly folder: FileSystemDirectoryHandle) {}

  /** Gives `undefined` where the browser has no such store or refuses it (private windows, blocked site data). */
  static async open(): Promise<ModelCache | undefined> {
    try {
      const root = await navigator.storage.getDirectory();
      return new ModelCache(await root.getDirectoryHandle('linnet-models', { create: true }));
    } catch {
      return undefined;
    }
  }

  /** The whole file of that key, if it is there and as long as it was. */
  async find(key: string): Promise<StoredFile | undefined> {
    const entry = await this.#readEntry(key);
    if (!entry?.complete) return undefined;
    try {
      const file = await (await this.folder.getFileHandle(`${key}.gguf`)).getFile();
      return file.size === entry.complete.bytes ? { file, sha256: entry.complete.sha256 } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Takes the entry's lock to write it. Gives `undefined` if another tab has it, or if nothing can be written. */
  async begin(key: string): Promise<CacheWriter | undefined> {
    for (const wait of LOCK_WAITS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        const data = await this.folder.getFileHandle(`${key}.gguf`, { create: true });
        const handle = await data.createSyncAccessHandle();
        return new CacheWriter(this, key, handle, await this.#readEntry(key));
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'NoModificationAllowedError') return undefined;
      }
    }
    return undefined;
  }

  /** Forgets an entry. One that another tab is writing stays. */
  async remove(key: string): Promise<void> {
    // The description first: data without it is nothing, a description without data would be a broken entry.
    for (const name of [`${key}.json`, `${key}.gguf`]) await this.folder.removeEntry(name).catch(() => {});
  }

  /** Replaces an entry's description; the caller holds its lock. */
  async writeEntry(key: string, entry: Entry): Promise<void> {
    const handle = await (await this.folder.getFileHandle(`${key}.json`, { create: true })).createSyncAccessHandle();
    try {
      const bytes = new TextEncoder().encode(JSON.stringify(entry));
      handle.truncate(0);
      writeAll(handle, bytes, 0);
      handle.flush();
    } finally {
      handle.close();
    }
  }

  async #readEntry(key: string): Promise<Entry | undefined> {
    try {
      const file = await (await this.folder.getFileHandle(`${key}.json`)).getFile();
      const entry = JSON.parse(await file.text()) as Entry;
      return entry.version === 1 ? entry : undefined;
    } catch {
      // Absent, or torn by a crash in the middle of writing: both mean that there is no entry.
      return undefined;
    }
  }
}

/** An entry that this worker alone may change. Every path ends in `complete`, `keep` or `discard`. */
export class CacheWriter {
  /** What an earlier download left, if it can be gone on with. */
  readonly partial: PartialFile | undefined;
  #position = 0;
  #resumable: boolean;

  constructor(
    readonly cache: ModelCache,
    readonly key: string,
    readonly handle: FileSystemSyncAccessHandle,
    entry: Entry | undefined,
  ) {
    const bytes = handle.getSize();
    this.#resumable = entry?.resumable ?? false;
    // A whole entry that comes here is one that `find` refused.
    if (!entry?.resumable || entry.complete || bytes === 0 || bytes >= (entry.total ?? 0)) return;
    const { total, validator } = entry;
    this.partial = { bytes, ...(total === undefined ? {} : { total }), ...(validator === undefined ? {} : { validator }) };
  }

  /** The stored beginning, slice by slice. The buffer is used again for the next slice. */
  *stored(bytes: number, sliceBytes: number): Generator<Uint8Array<ArrayBuffer>> {
    const buffer = new Uint8Array(Math.min(sliceBytes, bytes));
    while (this.#position < bytes) {
      const slice = buffer.subarray(0, Math.min(buffer.length, bytes - this.#position));
      const read = this.handle.read(slice, { at: this.#position });
      if (read === 0) throw new LinnetError('internal', 'The stored model ended early.', { key: this.key });
      this.#position += read;
      yield slice.subarray(0, read);
    }
  }

  /** Starts the entry anew, for a download from the file's beginning. */
  async restart(description: Omit<Entry, 'version' | 'complete'>): Promise<void> {
    this.#resumable = description.resumable ?? false;
    this.handle.truncate(0);
    this.#position = 0;
    await this.cache.writeEntry(this.key, { version: 1, ...description });
  }

  /** Writes the file's next bytes. @throws LinnetError `quota` when the browser gives no more room */
  append(bytes: Uint8Array): void {
    writeAll(this.handle, bytes, this.#position);
    this.#position += bytes.length;
  }

  /** Everything is there and is right: from now on the entry counts. */
  async complete(url: string, sha256: string): Promise<void> {
    this.handle.flush();
    // Before the lock goes, or another tab could find data that nobody vouches for and start over.
    await this.cache.writeEntry(this.key, { version: 1, url, complete: { bytes: this.#position, sha256 } });
    this.handle.close();
  }

  /** Leaves what came so far for a later download to go on with, if one could. */
  async keep(): Promise<void> {
    if (!this.#resumable) return this.discard();
    try {
      this.handle.flush();
    } finally {
      this.handle.close();
    }
  }

  /** Leaves nothing behind. */
  async discard(): Promise<void> {
    this.handle.close();
    await this.cache.remove(this.key);
  }
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
