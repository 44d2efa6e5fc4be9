import type { PartialFile } from './download.ts';
import { LinnetError } from './errors.ts';
import { blobSlices, handleSlices } from './slices.ts';

/** Milliseconds before each try to get a lock: the page that was here before a reload may just be letting go of it. */
const LOCK_WAITS = [0, 100, 200, 400];

/** Of what lies beside the data. An entry of another version counts as none: its model is fetched anew. */
const VERSION = 2;

/** What is known about a stored file. It lies beside the data, and only `complete` makes the data a model. */
interface Entry {
  version: typeof VERSION;
  url: string;
  total?: number;
  validator?: string;
  /** Whether a later download may go on with a beginning of this: it can be told from another file's. */
  resumable?: boolean;
  complete?: { bytes: number; checksum: string };
}

/** A whole file from the store. */
export class StoredFile {
  constructor(
    readonly handle: FileSystemFileHandle,
    readonly file: File,
    /** What its bytes had when they were written. */
    readonly checksum: string,
  ) {}

  /** Its bytes in order; fewer where another tab is replacing it. A slice's buffer is used again for the next one. */
  async *slices(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    // Many times as fast as a blob, whose bytes come from another process. Some browsers lend it to one tab at a time.
    const handle = await this.handle.createSyncAccessHandle({ mode: 'read-only' }).catch(() => undefined);
    if (!handle) return yield* blobSlices(this.file);
    try {
      yield* handleSlices(handle, this.file.size);
    } finally {
      handle.close();
    }
  }
}

/**
 * The models that this origin keeps in the browser's private file system (OPFS).
 *
 * Each has two files, `<key>.gguf` and `<key>.json`. The data file's exclusive handle is the lock under which an entry
 * changes, so two tabs cannot write into one another's download; whole entries can be read without it.
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
      const handle = await this.folder.getFileHandle(`${key}.gguf`);
      const file = await handle.getFile();
      return file.size === entry.complete.bytes ? new StoredFile(handle, file, entry.complete.checksum) : undefined;
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
      return entry.version === VERSION ? entry : undefined;
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
  *stored(bytes: number): Generator<Uint8Array<ArrayBuffer>> {
    for (const slice of handleSlices(this.handle, bytes)) {
      this.#position += slice.length;
      yield slice;
    }
    if (this.#position < bytes) throw new LinnetError('internal', 'The stored model ended early.', { key: this.key });
  }

  /** Starts the entry anew, for a download from the file's beginning. */
  async restart(description: Omit<Entry, 'version' | 'complete'>): Promise<void> {
    this.#resumable = description.resumable ?? false;
    this.handle.truncate(0);
    this.#position = 0;
    await this.cache.writeEntry(this.key, { version: VERSION, ...description });
  }

  /** Writes the file's next bytes. @throws LinnetError `quota` when the browser gives no more room */
  append(bytes: Uint8Array): void {
    writeAll(this.handle, bytes, this.#position);
    this.#position += bytes.length;
  }

  /** Everything is there and is right: from now on the entry counts. */
  async complete(url: string, checksum: string): Promise<void> {
    this.handle.flush();
    // Before the lock goes, or another tab could find data that nobody vouches for and start over.
    await this.cache.writeEntry(this.key, { version: VERSION, url, complete: { bytes: this.#position, checksum } });
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
