import { isNewer, Journal } from './journal.ts';
import type { RemoteFile } from '../protocol/model-files.ts';

// The folder of the models in the browser's private file system (OPFS), and how an entry lies in it: its data, `<key>.gguf`, and
// `<key>.journal`, which says which chunks of the data are there and what their checksums are.

/** The names of an entry's files. */
export const entryFiles = (key: string) => ({ data: `${key}.gguf`, journal: `${key}.journal` });

/** An entry's key: a hash that is known or, with `called`, the SHA-256 of what the file is called. */
export function nameOf({ key, sha256, called, urls }: RemoteFile): { name: string } | { name?: undefined; called: string } {
  const name = key ?? sha256;
  return name === undefined ? { called: called ?? urls.at(-1)! } : { name };
}

/** The folder of the models; `undefined` where the browser keeps none for this page. */
export async function openFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle('linnet-models', { create: true });
  } catch {
    return undefined;
  }
}

/** What an entry's journal turned out to be. `foreign`: it cannot be read now, or is for a later version to read. */
export type FoundJournal = Journal | 'none' | 'damaged' | 'foreign';

/** Reads an entry's journal. What cannot be read may be all right: only a text that is no journal is `damaged`. */
export async function readJournal(folder: FileSystemDirectoryHandle, key: string): Promise<FoundJournal> {
  try {
    const handle = await folder.getFileHandle(entryFiles(key).journal);
    const text = await (await handle.getFile()).text();
    return Journal.parse(text) ?? (isNewer(text) ? 'foreign' : 'damaged');
  } catch (error) {
    return (error as DOMException).name === 'NotFoundError' ? 'none' : 'foreign';
  }
}

/** The entry's data; `undefined` where there is none, or it cannot be read. */
export async function dataHandle(
  folder: FileSystemDirectoryHandle,
  key: string,
): Promise<{ handle: FileSystemFileHandle; file: File } | undefined> {
  try {
    const handle = await folder.getFileHandle(entryFiles(key).data);
    return { handle, file: await handle.getFile() };
  } catch {
    return undefined;
  }
}

/**
 * Removes an entry. The data go first: where they cannot be removed, because they are being read, they are still described.
 *
 * @returns whether there was anything
 * @throws DOMException that a file is in use
 */
export async function removeFiles(folder: FileSystemDirectoryHandle, key: string): Promise<boolean> {
  const { data, journal } = entryFiles(key);
  let removed = false;
  // The last one is an earlier version's.
  for (const name of [data, journal, `${key}.json`]) {
    try {
      await folder.removeEntry(name);
      removed = true;
    } catch (error) {
      if ((error as DOMException).name !== 'NotFoundError') throw error;
    }
  }
  return removed;
}
