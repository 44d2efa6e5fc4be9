import { type DeviceProbe, probeDevice } from '../page/device-probe.ts';
import { LinnetError } from '../protocol/errors.ts';
import { areStored, exportStored, listStored, removeStored, reportStorage, type StorageReport, type StoredModel, storeFiles, type StoreOptions } from './model-store.ts';
import { readBases } from '../protocol/read-options.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';
import { completeEntry, type ListedModel, type ModelEntry } from './entry.ts';
import list from './models.json' with { type: 'json' };
import { described, setFields, wrong } from '../protocol/plain.ts';
import { type Recommendation, recommendFor, type RecommendOptions } from './recommend.ts';
import { type ModelAddress, type ModelSource, resolveModel } from './sources.ts';

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
      return await areStored(resolveFor(model, this), this.all);
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
    await storeFiles(resolveFor(source, this, options), options);
  }

  /**
   * Stores a file that the person has, such as one from `<input type="file">`. Of a listed model's file it makes that model's copy,
   * so that its id loads it; another one is loaded by the entry's `source`.
   *
   * @throws LinnetError `bad-model` for what is no GGUF file; `quota`, `no-storage`, `aborted`
   */
  async import(file: Blob, options: StoreOptions = {}): Promise<StoredModel> {
    if (!((file as unknown) instanceof Blob)) throw wrong('file', file, `is ${described(file)}, but must be a File or a Blob`);
    const [key] = await storeFiles(resolveFor(file, this), options);
    const stored = (await this.stored()).find((entry) => entry.key === key);
    if (!stored) throw new LinnetError('no-storage', 'The file is no longer stored. Import it again.', { key });
    return stored;
  }

  /** The files of a stored model, in order, to save them elsewhere. @throws LinnetError `not-found` if one is not whole */
  async export(source: string | URL | ModelAddress | ModelEntry): Promise<File[]> {
    return exportStored(resolveFor(source, this), this);
  }

  /**
   * Deletes what is stored of a model. Gives whether there was anything.
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
