import { LinnetError } from '../protocol/errors.ts';
import type { RemoteFile } from '../protocol/model-files.ts';
import { sha256Of } from './hex.ts';
import { isNewer, Journal } from './journal.ts';
import { whileFree } from './tab-lock.ts';

// The folder of the models in the browser's private file system (OPFS). Only this module knows the names of its files.
// An entry is `<key>.gguf`, its data, and `<key>.journal`, which lists the stored chunks with their checksums. Data are
// written before the journal's line about them, and removed before the journal. A tab holds an entry's lock to change
// it. Reading needs no lock, since each chunk is verified.

/** The names of an entry's files. */
export const entryFiles = (key: string) => ({ data: `${key}.gguf`, journal: `${key}.journal` });

/**
 * An entry's key: the file's hash if it is known, else the SHA-256 of the file's name or address. Needs a secure
 * context, as OPFS does.
 */
export async function keyOf({ key, sha256, called, urls }: RemoteFile): Promise<string> {
  return key ?? sha256 ?? sha256Of(new TextEncoder().encode(called ?? urls.at(-1)!));
}

/** The folder of the models; `undefined` if the browser has none for this page. */
export async function openFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle('linnet-models', { create: true });
  } catch {
    return undefined;
  }
}

/** The keys of all files in the folder, even if they do not form an entry. */
export async function keysIn(folder: FileSystemDirectoryHandle): Promise<Set<string>> {
  const keys = new Set<string>();
  for await (const name of folder.keys()) keys.add(name.replace(/\.\w+$/, ''));
  return keys;
}

/** An entry that has a journal. */
export interface Entry {
  journal: Journal;
  /** Its data. `none`: there are none. `unreadable`: they cannot be read now, but may be fine. */
  data: { handle: FileSystemFileHandle; file: File } | 'none' | 'unreadable';
}

/** Why there is no entry. `foreign`: its journal cannot be read now, or only a later version can read it. */
export type NoEntry = 'none' | 'damaged' | 'foreign';

/** Reads an entry. A journal that cannot be read may be fine; only an invalid text is `damaged`. */
export async function readEntry(folder: FileSystemDirectoryHandle, key: string): Promise<Entry | NoEntry> {
  const names = entryFiles(key);
  let journal: Journal | undefined;
  try {
    const text = await (await (await folder.getFileHandle(names.journal)).getFile()).text();
    journal = Journal.parse(text);
    if (!journal) return isNewer(text) ? 'foreign' : 'damaged';
  } catch (error) {
    return isMissing(error) ? 'none' : 'foreign';
  }
  try {
    const handle = await folder.getFileHandle(names.data);
    return { journal, data: { handle, file: await handle.getFile() } };
  } catch (error) {
    return { journal, data: isMissing(error) ? 'none' : 'unreadable' };
  }
}

/** An entry whose data are complete and can be read. */
export interface WholeEntry extends Entry {
  data: { handle: FileSystemFileHandle; file: File };
}

/**
 * Whether a load can read the whole file. The journal records each write, but a full disk may not have stored all of
 * it.
 */
export function isWhole(entry: Entry): entry is WholeEntry {
  const { journal, data } = entry;
  return typeof data !== 'string' && journal.isWhole() && data.file.size >= journal.description.total!;
}

function isMissing(error: unknown): boolean {
  return (error as DOMException).name === 'NotFoundError';
}

/**
 * Removes an entry that this tab does not hold.
 *
 * @returns whether there was anything
 * @throws LinnetError `no-storage` if another tab uses it
 */
export async function removeEntry(folder: FileSystemDirectoryHandle, key: string): Promise<boolean> {
  const removed = await whileFree(key, () => removeFiles(folder, key)).catch(() => 'busy' as const);
  if (removed !== 'busy') return removed;
  throw new LinnetError('no-storage', 'Another tab is using the model. Close it and try again.', { key });
}

/**
 * Removes the files of an entry, for the tab that holds its lock. The data go first: if they cannot be removed, because
 * they are being read, the journal still describes them.
 *
 * @returns whether there was anything
 * @throws DOMException that a file is in use
 */
export async function removeFiles(folder: FileSystemDirectoryHandle, key: string): Promise<boolean> {
  const { data, journal } = entryFiles(key);
  let removed = false;
  // The last file is from an earlier version.
  for (const name of [data, journal, `${key}.json`]) {
    try {
      await folder.removeEntry(name);
      removed = true;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return removed;
}
