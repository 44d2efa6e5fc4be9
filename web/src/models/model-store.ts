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

// The page's side of the model store: lists, exports and removes what is stored. A worker writes to the store.

/** A model file in the store, complete or partial. */
export interface StoredModel {
  /** Its key in the store. */
  key: string;
  /** What to pass to `Linnet.load`: the id of a listed model, the address, or the key of an imported file. */
  source: string;
  /** The listed model that it belongs to. */
  model?: ListedModel;
  /** The file's name. */
  name: string;
  /** The file's size in bytes, if known. */
  bytes?: number;
  /** Bytes that are stored. */
  storedBytes: number;
  /** Whether the file is complete; if not, the next load resumes the download. */
  whole: boolean;
}

/** How much storage the models use, and how much the browser allows. */
export interface StorageReport {
  /** Bytes of the stored models. */
  models: number;
  /**
   * The bytes that this site may use, and those still free, as estimated by the browser. Absent if the browser reports
   * the same numbers on every device. A lack of space may only show when storing fails.
   */
  quota?: number;
  free?: number;
  /** Whether the browser has promised not to evict the files when space runs low. */
  persisted: boolean;
}

/** Options for storing a model. */
export interface StoreOptions {
  /** Folders with your own copies of the listed models. They are tried before a model's public address. */
  modelBase?: string | URL | readonly (string | URL)[];
  /** Called about ten times a second during the download. */
  onProgress?: (progress: LoadProgress) => void;
  /** Ends the download. The bytes received so far are kept for the next time. */
  signal?: AbortSignal;
}

/**
 * Lists all entries. Files without a journal, or with a damaged one, are removed. A journal that cannot be read right
 * now may be fine, so its entry is left alone.
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
  // An address that changes cannot be used at the next visit.
  const address = name === undefined && called === undefined ? url : `${STORED}${key}`;
  return {
    key,
    source: model?.id ?? address,
    ...(model ? { model } : {}),
    name: name ?? nameIn(url),
    ...(total === undefined ? {} : { bytes: total }),
    // A journal without data is left if the page was closed while the entry was removed.
    storedBytes:
      data === 'none' ? 0 : Math.min(journal.savedBytes(), data === 'unreadable' ? Infinity : data.file.size),
    whole: isWhole(entry),
  };
}

/** The file's name in an address, decoded. */
function nameIn(url: string): string {
  let name = url;
  try {
    name = new URL(url).pathname.split('/').at(-1) || url;
    return decodeURIComponent(name);
  } catch {
    // A "%" need not begin an escape, and the journal may not be ours.
    return name;
  }
}

/** Reports how much storage the models use. @throws LinnetError `no-storage` */
export async function reportStorage(models: Iterable<ListedModel>): Promise<StorageReport> {
  const stored = await listStored(models);
  try {
    const bytes = stored.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    return { models: bytes, ...(await roomHint()), persisted: await navigator.storage.persisted() };
  } catch {
    throw new LinnetError('no-storage', 'The browser stores no files for this page. Use a normal window over HTTPS.');
  }
}

/** Deletes the model's files. Returns whether there were any. */
export async function removeStored(model: ResolvedModel): Promise<boolean> {
  const folder = await openFolder();
  let removed = false;
  for (const file of folder ? model : [])
    removed = (file.kind === 'remote' && (await removeEntry(folder!, await keyOf(file)))) || removed;
  return removed;
}

/** Returns the model's files. @throws LinnetError `not-found` */
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
    // This copies no bytes: the browser reads them on demand.
    const { name } = describe(key, entry, models);
    files.push(
      new File([entry.data.file.slice(0, entry.journal.description.total)], name, { type: 'application/octet-stream' }),
    );
  }
  return files;
}

/** Lets a worker store the files. Returns their keys. */
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

/** Whether all files of a model are stored completely. */
export async function areStored(model: ResolvedModel, listed: readonly ListedModel[]): Promise<boolean> {
  const keys = await Promise.all(model.flatMap((file) => (file.kind === 'remote' ? keyOf(file) : [])));
  // A file of the device needs no reading, so this cannot fail.
  if (keys.length === 0) return true;
  const whole = new Set((await listStored(listed)).filter((entry) => entry.whole).map(({ key }) => key));
  return keys.every((key) => whole.has(key));
}
