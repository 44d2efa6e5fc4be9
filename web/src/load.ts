import { type CacheWriter, ModelCache, type StoredFile } from './cache.ts';
import { probeGpu } from './device.ts';
import { Download, type PartialFile } from './download.ts';
import type { Needs } from './engine-module.ts';
import { aborted, LinnetError, type PlainError, toLinnetError, toPlain } from './errors.ts';
import type { RemoteFile, ResolvedFile, ResolvedModel } from './models.ts';
import type { Backend, EngineInfo, KvFormat, LoadProgress, ModelOrigin } from './protocol.ts';
import { RateMeter } from './rate.ts';
import { blobSlices } from './slices.ts';
import { nextTask } from './task.ts';
import type { EngineReport, WasmEngine, WasmLoader, WasmModule } from './wasm.ts';

/** What the page asked for. */
export interface LoadRequest {
  model: ResolvedModel;
  backend: Backend;
  threads?: number;
  contextLength?: number;
  kvFormat?: KvFormat;
  memoryLimit?: number;
}

/** What there is at the end. */
export interface Loaded {
  engine: WasmEngine;
  info: EngineInfo;
}

/** The same, and how to load it once more, into a context of the same length. */
export interface Reloadable extends Loaded {
  again(backend: 'cpu' | 'webgpu'): Promise<Loaded>;
}

/** Bytes of the wasm's memory that are no model: its data, its stack, the tokenizer. */
const BESIDE_MODEL = 64 << 20;
/** Faults of the device, not of the model: after these, `auto` goes on with the CPU. */
const DEVICE_FAULTS = new Set(['no-webgpu', 'device-lost', 'out-of-memory']);
/** Faults of the file: it is not kept, so that the next try fetches it anew. */
const FILE_FAULTS = new Set(['bad-model', 'integrity', 'unsupported-architecture', 'unsupported-quantization', 'unsupported-tokenizer']);

/** Faults that one of several files can be blamed for. */
const PART_FAULTS = new Set([...FILE_FAULTS, 'network', 'not-found', 'http']);

/** The GPU failed where the CPU may do: `why` is for the person. */
export class GpuFailed extends Error {
  constructor(readonly why: PlainError) {
    super(why.message);
  }
}

/**
 * Loads a model, on the backend asked for or, with `auto`, on the best one that there is.
 *
 * @param start gets the wasm module that suits a backend
 * @throws GpuFailed with `auto`. The CPU wants another module then, with threads, and a worker has only one
 */
export async function loadModel(
  start: (needs: Needs, signal: AbortSignal) => Promise<WasmModule>,
  request: LoadRequest,
  report: (progress: LoadProgress) => void,
  signal: AbortSignal,
): Promise<Reloadable> {
  const { model, threads, contextLength } = request;
  const modelBytes = sizeOf(model);
  const load = async (backend: 'cpu' | 'webgpu'): Promise<Reloadable> => {
    const wasm = await start({ backend, threads, modelBytes, contextLength }, signal);
    const loaded = await new ModelLoad(wasm, request, backend, report, signal).run();
    const same = { ...request, contextLength: loaded.info.model.context_length };
    return { ...loaded, again: (backend) => new ModelLoad(wasm, same, backend, () => {}, signal).run() };
  };
  if (request.backend !== 'auto') return load(request.backend);

  const gpu = await probeGpu();
  if (gpu === 'hardware') {
    try {
      return await load('webgpu');
    } catch (error) {
      if (!DEVICE_FAULTS.has(toLinnetError(error).code)) throw error;
      throw new GpuFailed(toPlain(error));
    }
  }
  const loaded = await load('cpu');
  const why = gpu === 'software' ? 'WebGPU is only simulated by software here.' : 'There is no WebGPU here.';
  loaded.info.fallback = { code: 'no-webgpu', message: why, details: { gpu } };
  return loaded;
}

/** The size of all files, where it is known beforehand. */
function sizeOf(model: ResolvedModel): number | undefined {
  const sizes = model.map((file) => (file.kind === 'local' ? file.blob.size : file.bytes));
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}

/** Says that the stored copy was not what it should be. It is gone by then. */
class BrokenEntry extends Error {}

/** One attempt on one backend. */
class ModelLoad {
  /** Index of the file that is being read. */
  #part = 0;
  #origins = new Set<ModelOrigin>();
  #stored = true;
  #loaded = 0;
  /** The files' sizes, as far as they are known. */
  #sizes: (number | undefined)[] = [];
  /** What the servers said of the parts whose headers were read ahead. */
  #ahead = new Map<RemoteFile, Download>();
  readonly #rate = new RateMeter();

  constructor(
    readonly wasm: WasmModule,
    readonly request: LoadRequest,
    readonly backend: 'cpu' | 'webgpu',
    readonly report: (progress: LoadProgress) => void,
    readonly signal: AbortSignal,
  ) {}

  async run(): Promise<Loaded> {
    const { model } = this.request;
    const cache = model.some(({ kind }) => kind === 'remote') ? await ModelCache.open() : undefined;
    for (let broken = 0; ; broken++) {
      try {
        return await this.#build(cache);
      } catch (error) {
        if (!(error instanceof BrokenEntry) || broken === model.length) throw this.#blamed(error);
      }
    }
  }

  /** A loader, fed, made into an engine. */
  async #build(cache: ModelCache | undefined): Promise<Loaded> {
    const { model, threads, contextLength, kvFormat, memoryLimit } = this.request;
    this.#loaded = 0;
    this.#sizes = model.map(() => undefined);
    this.#origins.clear();
    this.#stored = true;
    const options = { backend: this.backend, threads, context_length: contextLength, kv: kvFormat, memory_limit: this.#memoryLimit(memoryLimit) };
    const loader = await this.wasm.Loader.create(JSON.stringify(options));
    try {
      await this.#feed(loader, model, cache);
    } catch (error) {
      loader.free();
      await this.#forgetAfter(error, cache);
      throw error;
    }
    try {
      this.#progress('prepare');
      const engine = await loader.finish();
      const report = JSON.parse(engine.info()) as EngineReport;
      const memory = { ...report.memory, heap: this.wasm.memory.buffer.byteLength };
      const origin = (['network', 'cache', 'file'] as const).find((origin) => this.#origins.has(origin))!;
      return { engine, info: { ...report, memory, module: this.wasm.name, origin, stored: this.#stored } };
    } catch (error) {
      await this.#forgetAfter(error, cache);
      throw error;
    }
  }

  /** What the model may take: on the CPU it must fit into the wasm's memory beside what else lies there. */
  #memoryLimit(asked: number | undefined): number | undefined {
    if (this.backend !== 'cpu') return asked;
    return Math.min(asked ?? Infinity, this.wasm.mostBytes - BESIDE_MODEL);
  }

  /** All files' bytes, one file after the other; before them the headers of the later ones, without which the first says too little. */
  async #feed(loader: WasmLoader, model: ResolvedModel, cache: ModelCache | undefined): Promise<void> {
    for (this.#part = 1; this.#part < model.length; this.#part++) await this.#readAhead(loader, model[this.#part]!, cache);
    for (this.#part = 0; ; ) {
      const file = model[this.#part]!;
      if (file.kind === 'local') await this.#feedBlob(loader, file.blob);
      else await this.#feedRemote(loader, file, cache);
      if (this.#part === model.length - 1) return;
      loader.nextPart();
      this.#part++;
    }
  }

  async #readAhead(loader: WasmLoader, file: ResolvedFile, cache: ModelCache | undefined): Promise<void> {
    const key = file.kind === 'remote' ? this.#keyOf(file) : undefined;
    const stored = key === undefined ? undefined : (await cache?.find(key))?.file;
    try {
      for await (const piece of await this.#beginning(file, stored)) {
        if (this.signal.aborted) throw aborted();
        if (loader.readAhead(piece)) return;
      }
      loader.readAhead(new Uint8Array());
    } catch (error) {
      if (key === undefined || !stored || this.signal.aborted) throw error;
      // The copy is damaged, or another tab is just replacing it.
      await cache?.remove(key);
      throw new BrokenEntry();
    }
  }

  /** The file's bytes, of which only the first are wanted. */
  async #beginning(file: ResolvedFile, stored: File | undefined): Promise<AsyncIterable<Uint8Array>> {
    const blob = file.kind === 'local' ? file.blob : stored;
    if (blob) {
      this.#sizes[this.#part] = blob.size;
      return blobSlices(blob);
    }
    const remote = file as RemoteFile;
    const download = await this.#open(remote);
    this.#ahead.set(remote, download);
    return download;
  }

  async #open(file: RemoteFile, partial?: PartialFile): Promise<Download> {
    const { urls, bytes } = file;
    const options = { ...(bytes === undefined ? {} : { bytes }), ...(partial ? { partial } : {}), signal: this.signal };
    const download = await Download.open(urls, options);
    this.#sizes[this.#part] = bytes ?? download.total;
    return download;
  }

  /** The files of a model that the engine refuses are not kept. What is wrong with a download is no fault of the others. */
  async #forgetAfter(error: unknown, cache: ModelCache | undefined): Promise<void> {
    if (error instanceof LinnetError || !FILE_FAULTS.has(toLinnetError(error).code)) return;
    for (const file of this.request.model) if (file.kind === 'remote') await cache?.remove(this.#keyOf(file));
  }

  /** The error, and which part it is about. */
  #blamed(error: unknown): unknown {
    const { model } = this.request;
    const { code, message, details } = toLinnetError(error);
    if (model.length === 1 || !PART_FAULTS.has(code)) return error;
    // The engine counts from 1, too, where it names a part itself.
    const named = typeof details['part'] === 'number';
    const part = named ? (details['part'] as number) : this.#part + 1;
    const file = model[part - 1];
    const place = file?.kind === 'remote' ? { url: file.urls[0] } : file?.blob instanceof File ? { file: file.blob.name } : {};
    // What is found in the first part is mostly a fault of the model as a whole.
    const text = named || part === 1 ? message : `Part ${part} of ${model.length}: ${message}`;
    return new LinnetError(code, text, { part, ...place, ...details });
  }

  async #feedBlob(loader: WasmLoader, blob: Blob): Promise<void> {
    this.#origins.add('file');
    this.#stored = false;
    this.#sizes[this.#part] = blob.size;
    for await (const slice of blobSlices(blob)) await this.#push(loader, slice, 'file');
  }

  /** From the store if the file is there, else from the network and into the store. */
  async #feedRemote(loader: WasmLoader, file: RemoteFile, cache: ModelCache | undefined): Promise<void> {
    const key = this.#keyOf(file);
    const stored = await cache?.find(key);
    if (cache && stored) {
      this.#origins.add('cache');
      this.#sizes[this.#part] = stored.file.size;
      await this.#feedStored(loader, stored, () => cache.remove(key));
    } else {
      this.#origins.add('network');
      const writer = await cache?.begin(key);
      const kept = await this.#feedDownload(loader, file, writer);
      this.#stored &&= kept;
    }
  }

  async #feedStored(loader: WasmLoader, stored: StoredFile, remove: () => Promise<void>): Promise<void> {
    const checksum = new this.wasm.Checksum();
    try {
      let fault: unknown;
      for await (const slice of stored.slices()) {
        await nextTask();
        checksum.update(slice);
        // After a fault the rest is read all the same: is it the model that is bad, or the copy?
        if (!fault) await this.#push(loader, slice, 'cache').catch((error: unknown) => (fault = error));
        if (fault && !FILE_FAULTS.has(toLinnetError(fault).code)) throw fault;
      }
      if (checksum.hex() === stored.checksum) {
        if (fault) throw fault;
        return;
      }
    } catch (error) {
      if (!(error instanceof DOMException) || this.signal.aborted) throw error;
      // The file cannot be read any more, or another tab has just replaced it.
    } finally {
      checksum.free();
    }
    await remove();
    throw new BrokenEntry();
  }

  /** Gives whether the file is stored at the end. */
  async #feedDownload(loader: WasmLoader, file: RemoteFile, writer: CacheWriter | undefined): Promise<boolean> {
    const checksum = new this.wasm.Checksum();
    const hash = file.sha256 === undefined ? undefined : new this.wasm.Sha256();
    const sum = (bytes: Uint8Array) => {
      checksum.update(bytes);
      hash?.update(bytes);
    };
    const store = new Store(writer);
    try {
      const download = await this.#open(file, writer?.partial);
      const before = this.#ahead.get(file);
      if (before && !before.sameFile(download)) {
        throw new LinnetError('integrity', 'The file has been replaced by another one while the model was loading.', { url: download.url });
      }
      if (writer && download.start > 0) {
        for (const slice of writer.stored(download.start)) {
          await nextTask();
          sum(slice);
          await this.#push(loader, slice, 'cache');
        }
      } else {
        await store.restart(download, hash !== undefined);
      }
      for await (const chunk of download) {
        sum(chunk);
        await store.append(chunk);
        this.#rate.add(chunk.length);
        await this.#push(loader, chunk, 'download');
      }
      const sha256 = hash?.hex();
      if (sha256 !== file.sha256) {
        await store.discard();
        if (download.start > 0) throw new BrokenEntry();
        throw new LinnetError('integrity', 'The file is not the one that it should be: its SHA-256 differs.', {
          url: download.url,
          expected: file.sha256,
          found: sha256,
        });
      }
      return await store.complete(download.url, checksum.hex());
    } catch (error) {
      if (FILE_FAULTS.has(toLinnetError(error).code)) await store.discard();
      else await store.keep();
      throw error;
    } finally {
      checksum.free();
      hash?.free();
    }
  }

  async #push(loader: WasmLoader, bytes: Uint8Array, phase: LoadProgress['phase']): Promise<void> {
    if (this.signal.aborted) throw aborted();
    await loader.push(bytes);
    this.#loaded += bytes.length;
    this.#progress(phase);
  }

  #progress(phase: LoadProgress['phase']): void {
    const progress: LoadProgress = { phase, loaded: this.#loaded };
    const total = this.#sizes.reduce<number | undefined>((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
    if (total !== undefined) progress.total = total;
    if (phase === 'download') progress.bytesPerSecond = this.#rate.perSecond();
    this.report(progress);
  }

  /** The name of the file's entry in the store. */
  #keyOf({ sha256, urls }: RemoteFile): string {
    if (sha256 !== undefined) return sha256;
    const hash = new this.wasm.Sha256();
    try {
      hash.update(new TextEncoder().encode(urls[0]));
      return hash.hex();
    } finally {
      hash.free();
    }
  }
}

/** A cache entry that may be absent from the start or given up on the way: a full disk is no reason not to chat. */
class Store {
  constructor(private writer: CacheWriter | undefined) {}

  /** @param verifiable whether the whole file's hash is known, so that even a beginning of unknown version may be gone on with */
  async restart({ url, total, validator }: Download, verifiable: boolean): Promise<void> {
    const description = { url, resumable: verifiable || validator !== undefined };
    const known = { ...(total === undefined ? {} : { total }), ...(validator === undefined ? {} : { validator }) };
    await this.#attempt((writer) => writer.restart({ ...description, ...known }));
  }

  async append(bytes: Uint8Array): Promise<void> {
    await this.#attempt((writer) => writer.append(bytes));
  }

  async complete(url: string, checksum: string): Promise<boolean> {
    await this.#attempt((writer) => writer.complete(url, checksum));
    return this.#settle() !== undefined;
  }

  async keep(): Promise<void> {
    await this.#settle()?.keep();
  }

  async discard(): Promise<void> {
    await this.#settle()?.discard();
  }

  async #attempt(action: (writer: CacheWriter) => Promise<void> | void): Promise<void> {
    try {
      if (this.writer) await action(this.writer);
    } catch {
      await this.discard();
    }
  }

  #settle(): CacheWriter | undefined {
    const { writer } = this;
    this.writer = undefined;
    return writer;
  }
}
