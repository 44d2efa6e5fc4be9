import { aborted, fromPlain, LinnetError } from './errors.ts';
import { openFolder } from './folder.ts';
import { sha256Of } from './hex.ts';
import { Journal } from './journal.ts';
import type { ListedFile, ListedModel } from './models.ts';
import { askToPersist } from './persistence.ts';
import type { FromWorker, LoadProgress, ToWorker } from './protocol.ts';
import { type RemoteFile, type ResolvedModel, STORED } from './sources.ts';
import { startWorker, watchWorker } from './worker-start.ts';

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
  /** Bytes that the browser gives to this site, and those that are still free. */
  quota: number;
  free: number;
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

/** All entries; what lies there without a journal is no entry, and is swept away. */
export async function listStored(models: Iterable<ListedModel>): Promise<StoredModel[]> {
  const folder = await openFolder();
  if (!folder) return [];
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  const found: StoredModel[] = [];
  for (const key of new Set(names.map((name) => name.replace(/\.\w+$/, '')))) {
    const journal = await readJournal(folder, key);
    if (journal) found.push(describe(key, journal, models));
    else await removeEntry(folder, key).catch(() => {});
  }
  return found.sort((one, other) => (one.name < other.name ? -1 : 1));
}

function describe(key: string, journal: Journal, models: Iterable<ListedModel>): StoredModel {
  const { url, total, sha256, name } = journal.description;
  const here = globalThis.document?.baseURI ?? globalThis.location.href;
  const isOf = (file: ListedFile) => (sha256 === undefined ? new URL(file.url, here).href === url : file.sha256 === sha256);
  const model = [...models].find(({ files }) => files.some(isOf));
  const address = name === undefined ? url : `${STORED}${key}`;
  return {
    key,
    source: model?.id ?? address,
    ...(model ? { model } : {}),
    name: name ?? nameIn(url),
    ...(total === undefined ? {} : { bytes: total }),
    storedBytes: journal.savedBytes(),
    whole: journal.isWhole(),
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
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    const bytes = stored.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    return { models: bytes, quota, free: Math.max(0, quota - usage), persisted: await navigator.storage.persisted() };
  } catch {
    throw new LinnetError('no-storage', 'The browser keeps no files for this page.');
  }
}

/** Deletes the model's files. Gives whether there were any. */
export async function removeStored(model: ResolvedModel): Promise<boolean> {
  const folder = await openFolder();
  let removed = false;
  for (const file of folder ? model : []) removed = (file.kind === 'remote' && (await removeEntry(folder!, await keyOf(file)))) || removed;
  return removed;
}

async function removeEntry(folder: FileSystemDirectoryHandle, key: string): Promise<boolean> {
  const busy = () => new LinnetError('no-storage', 'Another tab is using the model right now.', { key });
  return navigator.locks.request(`linnet ${key}`, { ifAvailable: true }, async (lock) => {
    if (!lock) throw busy();
    let removed = false;
    // The data first: where it cannot be removed, because it is being read, it is still described.
    for (const ending of ['gguf', 'journal', 'json']) {
      try {
        await folder.removeEntry(`${key}.${ending}`);
        removed = true;
      } catch (error) {
        if ((error as DOMException).name !== 'NotFoundError') throw busy();
      }
    }
    return removed;
  });
}

/** The model's files. @throws LinnetError `not-found` */
export async function exportStored(model: ResolvedModel, models: Iterable<ListedModel>): Promise<File[]> {
  const folder = await openFolder();
  const files: File[] = [];
  for (const file of model) {
    if (file.kind === 'local') continue;
    const key = await keyOf(file);
    const journal = folder && (await readJournal(folder, key));
    if (!folder || !journal?.isWhole()) throw new LinnetError('not-found', 'The model is not stored, or not wholly.', { key });
    const data = await (await folder.getFileHandle(`${key}.gguf`)).getFile();
    // No bytes are copied: the browser reads them when somebody wants them.
    files.push(new File([data.slice(0, journal.description.total)], describe(key, journal, models).name, { type: 'application/octet-stream' }));
  }
  return files;
}

/** Lets a worker store the files; gives their names in the store. */
export async function storeFiles(model: ResolvedModel, { onProgress, signal }: StoreOptions): Promise<string[]> {
  if (signal?.aborted) throw aborted();
  askToPersist();
  let end = () => {};
  return new Promise<string[]>((resolve, reject) => {
    const worker = startWorker(reject);
    const post = (message: ToWorker) => worker.postMessage(message);
    const abort = () => post({ type: 'abort-load' });
    signal?.addEventListener('abort', abort);
    end = () => {
      signal?.removeEventListener('abort', abort);
      worker.terminate();
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'progress') onProgress?.(data.progress);
      else if (data.type === 'stored') resolve(data.keys);
      else if (data.type === 'alive') watchWorker(data.lock, reject);
      else if (data.type === 'load-failed') reject(fromPlain(data.error));
    };
    post({ type: 'store', model });
  }).finally(() => end());
}

async function keyOf({ key, sha256, urls }: RemoteFile): Promise<string> {
  return key ?? sha256 ?? (await sha256Of(new TextEncoder().encode(urls.at(-1))));
}

async function readJournal(folder: FileSystemDirectoryHandle, key: string): Promise<Journal | undefined> {
  try {
    return Journal.parse(await (await (await folder.getFileHandle(`${key}.journal`)).getFile()).text());
  } catch {
    return undefined;
  }
}
