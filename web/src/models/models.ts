import { type DeviceProbe, probeDevice } from '../page/device-probe.ts';
import { LinnetError } from '../protocol/errors.ts';
import {
  areStored,
  exportStored,
  listStored,
  removeStored,
  reportStorage,
  type StorageReport,
  type StoredModel,
  storeFiles,
  type StoreOptions,
} from './model-store.ts';
import { isBlob } from '../protocol/brands.ts';
import { readBases } from '../protocol/read-options.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';
import { completeEntry, type ListedModel, type ModelEntry } from './entry.ts';
import list from './models.json' with { type: 'json' };
import { described, setFields, wrong } from '../protocol/plain.ts';
import { type Recommendation, recommendFor, type RecommendOptions } from './recommend.ts';
import { type ModelAddress, type ModelSource, resolveModel } from './sources.ts';

/** The models that can be loaded by id: the package's and the site's own. */
export class ModelList implements Iterable<ListedModel> {
  readonly #models = [...(list as ListedModel[])];

  /** The package's models come first; the very first is the demo's default. */
  get all(): readonly ListedModel[] {
    return this.#models;
  }

  /** The models in the order of `all`. */
  [Symbol.iterator](): Iterator<ListedModel> {
    return this.#models.values();
  }

  /** The model with that id. */
  get(id: string): ListedModel | undefined {
    return this.#models.find((model) => model.id === id);
  }

  /**
   * Adds the site's own model, or replaces the one with the same id. Relative addresses are resolved against the page.
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
   * Tells which models fit this device, with which context, and why the others do not. It downloads nothing and shows
   * no permission prompt.
   *
   * @param options the requirements; `device` replaces the probe of this device, for tests or for a choice made
   * elsewhere
   */
  async recommend(options: RecommendOptions & { device?: DeviceProbe } = {}): Promise<Recommendation> {
    return recommendFor(this, options.device ?? (await probeDevice()), options);
  }

  /** Lists the model files stored for this site, complete or partial. */
  stored(): Promise<StoredModel[]> {
    return listStored(this);
  }

  /**
   * Whether a model is stored completely, so that loading it needs no download. A file of the device needs none.
   */
  async isStored(model: ModelSource): Promise<boolean> {
    try {
      return await areStored(resolveFor(model, this), this.all);
    } catch {
      // There is no storage, or the address is invalid: Linnet.load reports it.
      return false;
    }
  }

  /** Reports how much storage the models use, and how much the browser allows. */
  storage(): Promise<StorageReport> {
    return reportStorage(this);
  }

  /**
   * Stores a model without loading it, so that it can be loaded without a network later. Stored parts are not
   * downloaded again.
   *
   * @throws LinnetError `quota` or `no-storage` if it cannot be stored, else as `Linnet.load`
   */
  async download(source: ModelSource, options: StoreOptions = {}): Promise<void> {
    await storeFiles(resolveFor(source, this, options), options);
  }

  /**
   * Stores a file that the person chose, for example with `<input type="file">`. If it is a listed model's file, that
   * model's id loads it; any other file is loaded by the result's `source`.
   *
   * @throws LinnetError `bad-model` if it is not a GGUF file; `not-found` or `integrity` if it has changed; `quota`,
   * `no-storage`, `aborted`
   */
  async import(file: Blob, options: StoreOptions = {}): Promise<StoredModel> {
    if (!isBlob(file)) throw wrong('file', file, `is ${described(file)}, but must be a File or a Blob`);
    const [key] = await storeFiles(resolveFor(file, this), options);
    const stored = (await this.stored()).find((entry) => entry.key === key);
    if (!stored) throw new LinnetError('no-storage', 'The file is no longer stored. Import it again.', { key });
    return stored;
  }

  /**
   * Returns the files of a stored model, in order, to save them elsewhere.
   *
   * @throws LinnetError `not-found` if one is incomplete
   */
  async export(source: string | URL | ModelAddress | ModelEntry): Promise<File[]> {
    return exportStored(resolveFor(source, this), this);
  }

  /**
   * Deletes a model from the store. Returns whether anything was stored.
   *
   * @throws LinnetError `no-storage` if another tab is using it right now
   */
  async remove(source: string | URL | ModelAddress | ModelEntry): Promise<boolean> {
    return removeStored(resolveFor(source, this));
  }
}

function resolveFor(source: ModelSource, models: ModelList, options: StoreOptions = {}): ResolvedModel {
  const bases = readBases(setFields(options, 'options')['modelBase']);
  return resolveModel(source, { models, bases, here: globalThis.document?.baseURI ?? globalThis.location.href });
}

/** The models that can be loaded by id. */
export const models = new ModelList();
