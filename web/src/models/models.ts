import { type DeviceProbe, probeDevice } from '../protocol/device.ts';
import { LinnetError } from '../protocol/errors.ts';
import { areStored, exportStored, listStored, removeStored, reportStorage, type StorageReport, type StoredModel, storeFiles, type StoreOptions } from '../store/model-store.ts';
import { readBases } from '../api/load-options.ts';
import list from './models.json' with { type: 'json' };
import { described, named, plain, setFields, wrong } from '../protocol/plain.ts';
import { type Recommendation, recommendFor, type RecommendOptions } from './recommend.ts';
import { type ModelAddress, type ModelSource, resolveModel, type ResolvedModel } from './sources.ts';

/** Hashes of a file's chunks: with them a wrong byte is found where it is, and costs one chunk and not the file. */
export interface ChunkHashes {
  /** Bytes of each chunk but the last. */
  readonly bytes: number;
  /** The chunks' SHA-256, in lower-case hex. */
  readonly sha256: readonly string[];
}

/** A file of a listed model. `null` stands for what is not known. */
export interface ListedFile {
  /** The file's name, which a site that serves the file itself should keep. */
  readonly name: string;
  /** The file's public home. */
  readonly url: string;
  readonly bytes: number | null;
  /** About how large it is, where `bytes` is not known. */
  readonly approxBytes?: number;
  /** The file's SHA-256, in lower-case hex. */
  readonly sha256: string | null;
  /** The same of its chunks. */
  readonly chunks?: ChunkHashes;
  /** What the file is stored under where its hash is not known, if its address changes, as a signed one does. */
  readonly key?: string;
}

/** How a model's makers recommend to choose its tokens; what is not here is as the engine has it. */
export interface RecommendedSampling {
  readonly temperature: number;
  readonly top_p?: number;
  readonly top_k?: number;
  readonly min_p?: number;
  readonly presence_penalty?: number;
}

/** A model that can be loaded by its name, with what is needed to choose it, to fetch it and to check what came. */
export interface ListedModel {
  /** The word to give to `Linnet.load`. */
  readonly id: string;
  /** The name to show to people. */
  readonly name: string;
  /** `phone`: for any browser of today; `gpu`: for a desktop's WebGPU. */
  readonly tier: 'phone' | 'gpu';
  /** One file, or the parts of a split model in order. */
  readonly files: readonly ListedFile[];
  /** The licence of the weights, as SPDX writes it. */
  readonly license: string | null;
  readonly parameters: number | null;
  /** Tokens that it was trained for. */
  readonly context: number | null;
  readonly memory: {
    /** Bytes that a token of context takes, keys and values in f16. */
    readonly kvPerToken: number | null;
    /** Bytes, where they may exceed a GPU's limits. */
    readonly largestTensor?: number;
  };
  /** The languages that it is best at, as BCP 47 writes them. */
  readonly languages: readonly string[];
  /** What its chat template can do. */
  readonly template: {
    readonly system: boolean;
    /** Whether it thinks aloud before it answers. */
    readonly reasoning: 'none' | 'optional' | 'always';
    readonly tools: boolean;
  };
  /** What its makers recommend; requests that say nothing else are answered so. */
  readonly sampling: RecommendedSampling | null;
  /** Whether Linnet's own tests run this very file. */
  readonly tested: boolean;
}

/** A model of a site's own: what it leaves out is taken as unknown. */
export interface ModelEntry extends Partial<Omit<ListedModel, 'files'>> {
  readonly id: string;
  readonly files: readonly (Partial<ListedFile> & Pick<ListedFile, 'url'>)[];
}

/** The size of all its files, as far as that is known, even if only about. */
export function bytesOf({ files }: ListedModel): number | undefined {
  const sizes = files.map(({ bytes, approxBytes }) => bytes ?? approxBytes);
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

/** An entry with all its fields. @throws LinnetError `invalid-request`, with the field that is wrong */
export function completeEntry(given: ModelEntry): ListedModel {
  // It goes to a worker, to which no proxy of a framework can be sent.
  const entry = plain(given, 'model') as ModelEntry;
  const { id, files } = entry;
  if (typeof id !== 'string' || !/^[a-z0-9][a-z0-9.-]*$/.test(id)) {
    throw wrong('id', id, `is ${named(id)}, but must be a name of lower-case letters, digits, dots and hyphens`);
  }
  if (!Array.isArray(files) || files.length === 0) throw wrong('files', files, `is ${described(files)}, but must be a list of at least one file`, { model: id });
  return {
    name: id,
    tier: 'phone',
    license: null,
    parameters: null,
    context: null,
    memory: { kvPerToken: null },
    languages: [],
    template: { system: true, reasoning: 'none', tools: false },
    sampling: null,
    tested: false,
    ...entry,
    files: entry.files.map((file, index) => completeFile(file, `files[${index}]`, id)),
  };
}

function completeFile(file: ModelEntry['files'][number], place: string, id: string): ListedFile {
  const { url, bytes = null, sha256 = null, chunks, key } = file;
  if (typeof url !== 'string' || url === '') throw wrong(`${place}.url`, url, `is ${named(url)}, but must be an address`, { model: id });
  if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes > 0)) throw wrong(`${place}.bytes`, bytes, `is ${named(bytes)}, but must be a whole number above 0`, { model: id });
  if (sha256 !== null && !isHash(sha256)) throw wrong(`${place}.sha256`, sha256, `is ${named(sha256)}, but must be 64 lower-case hex digits`, { model: id });
  if (key !== undefined && (typeof key !== 'string' || key === '')) throw wrong(`${place}.key`, key, `is ${named(key)}, but must be a non-empty string`, { model: id });
  if (chunks) {
    if (bytes === null || sha256 === null) throw wrong(`${place}.chunks`, chunks, 'requires `bytes` and `sha256`', { model: id });
    const { bytes: size, sha256: hashes } = chunks;
    if (!(Number.isSafeInteger(size) && size >= 65_536 && size <= 16 << 20)) throw wrong(`${place}.chunks.bytes`, size, 'must be from 64 KB to 16 MB', { model: id });
    const fits = Array.isArray(hashes) && hashes.every(isHash) && hashes.length === Math.ceil(bytes / size);
    if (!fits) throw wrong(`${place}.chunks.sha256`, hashes?.length, 'must list the SHA-256 of each chunk', { model: id });
  }
  const name = file.name ?? url.split(/[?#]/)[0]!.split('/').at(-1)!;
  return { ...file, name, url, bytes, sha256 };
}

function isHash(text: unknown): boolean {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

/** The models that can be loaded by id: the package's own, and those that the site has added. */
export class ModelList implements Iterable<ListedModel> {
  readonly #models = [...(list as ListedModel[])];

  /** The package's own first, of which the first one is the default of the demo. */
  get all(): readonly ListedModel[] {
    return this.#models;
  }

  /** The models in the order of `all`. */
  [Symbol.iterator](): Iterator<ListedModel> {
    return this.#models.values();
  }

  /** The model of that id. */
  get(id: string): ListedModel | undefined {
    return this.#models.find((model) => model.id === id);
  }

  /**
   * Adds a model of the site's own, or puts it in the place of the one with that id. Relative addresses are taken from the page.
   *
   * @throws LinnetError `invalid-request`, with the field that is wrong
   */
  add(entry: ModelEntry): ListedModel {
    const model = completeEntry(entry);
    const at = this.#models.findIndex(({ id }) => id === model.id);
    if (at < 0) this.#models.push(model);
    else this.#models[at] = model;
    return model;
  }

  /**
   * Says which of the models fit this device, at which context, and why the others do not. It downloads nothing and asks the
   * person nothing.
   *
   * @param options what is wanted; its `device` is what is known of the device, for tests and for a choice that is made elsewhere
   */
  async recommend(options: RecommendOptions & { device?: DeviceProbe } = {}): Promise<Recommendation> {
    return recommendFor(this, options.device ?? (await probeDevice()), options);
  }

  /** What this browser keeps of models for this site, whole ones and beginnings. */
  stored(): Promise<StoredModel[]> {
    return listStored(this);
  }

  /**
   * Whether a model is in this browser's storage, so that loading it needs no download: all files that `Linnet.load` would read.
   *
   * @param model the id of a listed model, or an address
   */
  async isStored(model: string | URL): Promise<boolean> {
    try {
      return await areStored(resolveModel(model, [], globalThis.document?.baseURI ?? globalThis.location.href), this.all);
    } catch {
      // No storage, or no address: Linnet.load will say.
      return false;
    }
  }

  /** What the stored models take, and what room there is. */
  storage(): Promise<StorageReport> {
    return reportStorage(this);
  }

  /**
   * Stores a model without loading it: then it can be loaded without a network. What is there already is not fetched again.
   *
   * @throws LinnetError `quota` or `no-storage` where it cannot be stored, else as `Linnet.load`
   */
  async download(source: ModelSource, options: StoreOptions = {}): Promise<void> {
    await storeFiles(resolveFor(source, options), options);
  }

  /**
   * Stores a file that the person has, such as one from `<input type="file">`. Of a listed model's file it makes that model's copy,
   * so that its id loads it; another one is loaded by the entry's `source`.
   *
   * @throws LinnetError `bad-model` for what is no GGUF file; `quota`, `no-storage`, `aborted`
   */
  async import(file: Blob, options: StoreOptions = {}): Promise<StoredModel> {
    if (!((file as unknown) instanceof Blob)) throw wrong('file', file, `is ${described(file)}, but must be a File or a Blob`);
    const [key] = await storeFiles(resolveFor(file), options);
    const stored = (await this.stored()).find((entry) => entry.key === key);
    if (!stored) throw new LinnetError('no-storage', 'The file is no longer stored. Import it again.', { key });
    return stored;
  }

  /** The files of a stored model, in order, to save them elsewhere. @throws LinnetError `not-found` if one is not whole */
  async export(source: string | URL | ModelAddress | ModelEntry): Promise<File[]> {
    return exportStored(resolveFor(source), this);
  }

  /**
   * Deletes what is stored of a model. Gives whether there was anything.
   *
   * @throws LinnetError `no-storage` if another tab is using it right now
   */
  async remove(source: string | URL | ModelAddress | ModelEntry): Promise<boolean> {
    return removeStored(resolveFor(source));
  }
}

function resolveFor(source: ModelSource, options: StoreOptions = {}): ResolvedModel {
  return resolveModel(source, readBases(setFields(options, 'options')['modelBase']), globalThis.document?.baseURI ?? globalThis.location.href);
}

/** The models that can be loaded by id. */
export const models = new ModelList();
