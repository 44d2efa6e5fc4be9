import { aborted, LinnetError } from '../protocol/errors.ts';
import { type Entry, isWhole, keyOf, keysIn, openFolder, readEntry, removeEntry } from '../store/opfs.ts';
import { readWatching, refuseUnknown } from '../protocol/read-options.ts';
import type { ListedFile, ListedModel } from './entry.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';
import { askToPersist } from '../page/persistence.ts';
import { roomHint } from '../store/room.ts';
import { setFields } from '../protocol/plain.ts';
import type { FromWorker, LoadProgress } from '../protocol/messages.ts';
import { STORED } from './sources.ts';
import { follow } from '../protocol/abortable.ts';
import { runInWorker } from '../page/worker-host.ts';

// The page's view of the store of models: what is in it, what leaves it. What comes into it is a worker's matter.

/** A file that is stored, wholly or in part. */
export interface StoredModel {
  /** Its name in the store. */
  key: string;
  /** What `Linnet.load` takes for it: the id of a listed model, the address, or the key of an imported file. */
  source: string;
  /** The listed model that it is a file of. */
  model?: ListedModel;
  /** The file's name. */
  name: string;
  /** Bytes of the file, as far as they are known. */
  bytes?: number;
  /** Bytes that are there. */
  storedBytes: number;
  /** Whether it is all there; if not, the next load goes on with it. */
  whole: boolean;
}

/** What the stored models take of the room that the browser gives. */
export interface StorageReport {
  /** Bytes of the stored models. */
  models: number;
  /**
   * Bytes that the browser gives to this site, and those that are still free: guesses. Absent where it says what it says of every
   * device; that there is no room shows only when it is asked for.
   */
  quota?: number;
  free?: number;
  /** Whether the browser has promised not to throw it away when room gets scarce. */
  persisted: boolean;
}

/** How to store a model. */
export interface StoreOptions {
  /** Folders of yours that hold copies of the listed models. They are asked before a model's public home. */
  modelBase?: string | URL | readonly (string | URL)[];
  /** Called as it proceeds, about ten times a second. */
  onProgress?: (progress: LoadProgress) => void;
  /** Ends it. What has come is kept for the next time. */
  signal?: AbortSignal;
}

/**
 * All entries. What lies there without a journal is none, and neither is one whose journal makes no sense: these are swept away. A
 * journal that cannot be read right now may be all right, so its entry is left alone.
 */
export async function listStored(models: Iterable<ListedModel>): Promise<StoredModel[]> {
  const folder = await openFolder();
  if (!folder) return [];
  const found: StoredModel[] = [];
  for (const key of await keysIn(folder)) {
    const entry = await readEntry(folder, key);
    if (typeof entry !== 'string') found.push(describe(key, entry, models));
    else if (entry !== 'foreign') await removeEntry(folder, key).catch(() => {});
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1));
}

function describe(key: string, entry: Entry, models: Iterable<ListedModel>): StoredModel {
  const { journal, data } = entry;
  const { url, total, sha256, name, key: called } = journal.description;
  const here = globalThis.document?.baseURI ?? globalThis.location.href;
  const isOf = (file: ListedFile) => {
    if (sha256 !== undefined) return file.sha256 === sha256;
    return called === undefined ? new URL(file.url, here).href === url : file.key === called;
  };
  const model = [...models].find(({ files }) => files.some(isOf));
  // An address that changes is of no use to the next visit.
  const address = name === undefined && called === undefined ? url : `${STORED}${key}`;
  return {
    key,
    source: model?.id ?? address,
    ...(model ? { model } : {}),
    name: name ?? nameIn(url),
    ...(total === undefined ? {} : { bytes: total }),
    // A journal without data is left if the page was closed while the entry was removed.
    storedBytes: data === 'none' ? 0 : Math.min(journal.savedBytes(), data === 'unreadable' ? Infinity : data.file.size),
    whole: isWhole(entry),
  };
}

/** The file's name in an address, as a person would write it. */
function nameIn(url: string): string {
  let name = url;
  try {
    name = new URL(url).pathname.split('/').at(-1) || url;
    return decodeURIComponent(name);
  } catch {
    // Not every server's "%" begins a character, and not every journal is ours.
    return name;
  }
}

/** What they take. @throws LinnetError `no-storage` */
export async function reportStorage(models: Iterable<ListedModel>): Promise<StorageReport> {
  const stored = await listStored(models);
  try {
    const bytes = stored.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    return { models: bytes, ...(await roomHint()), persisted: await navigator.storage.persisted() };
  } catch {
    throw new LinnetError('no-storage', 'The browser stores no files for this page. Use a normal window over HTTPS.');
  }
}

/** Deletes the model's files. Gives whether there were any. */
export async function removeStored(model: ResolvedModel): Promise<boolean> {
  const folder = await openFolder();
  let removed = false;
  for (const file of folder ? model : []) removed = (file.kind === 'remote' && (await removeEntry(folder!, await keyOf(file)))) || removed;
  return removed;
}

/** The model's files. @throws LinnetError `not-found` */
export async function exportStored(model: ResolvedModel, models: Iterable<ListedModel>): Promise<File[]> {
  const folder = await openFolder();
  const files: File[] = [];
  for (const file of model) {
    if (file.kind === 'local') continue;
    const key = await keyOf(file);
    const entry = folder && (await readEntry(folder, key));
    if (!entry || typeof entry === 'string' || !isWhole(entry)) {
      throw new LinnetError('not-found', 'The model is not stored, or its download is incomplete.', { key });
    }
    // No bytes are copied: the browser reads them when somebody wants them.
    const { name } = describe(key, entry, models);
    files.push(new File([entry.data.file.slice(0, entry.journal.description.total)], name, { type: 'application/octet-stream' }));
  }
  return files;
}

/** Lets a worker store the files; gives their names in the store. */
export async function storeFiles(model: ResolvedModel, options: StoreOptions): Promise<string[]> {
  const set = setFields(options, 'options');
  refuseUnknown(set, ['modelBase', 'onProgress', 'signal']);
  const { onProgress, signal: given } = readWatching(set);
  const { signal, leave } = follow(given);
  try {
    if (signal.aborted) throw aborted();
    askToPersist();
    const hear = (message: FromWorker) => message.type === 'progress' && onProgress?.(message.progress);
    const { host, result } = await runInWorker({ type: 'store', model }, hear, signal);
    host.end(aborted({ disposed: true }));
    if (result.type !== 'stored') throw new LinnetError('internal', 'The worker did not store the model.');
    return result.keys;
  } finally {
    leave();
  }
}

/** Whether all files of a model are in the store, whole. */
export async function areStored(model: ResolvedModel, listed: readonly ListedModel[]): Promise<boolean> {
  const whole = new Set((await listStored(listed)).filter((entry) => entry.whole).map(({ key }) => key));
  const keys = await Promise.all(model.flatMap((file) => (file.kind === 'remote' ? keyOf(file) : [])));
  return keys.every((key) => whole.has(key));
}
