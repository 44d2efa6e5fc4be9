import { type CacheWriter, ModelCache } from './cache.ts';
import { hasSimd, probeGpu } from './device.ts';
import { Download } from './download.ts';
import { aborted, LinnetError, toLinnetError, toPlain } from './errors.ts';
import type { LocalModel, RemoteModel, ResolvedModel } from './models.ts';
import type { Backend, EngineInfo, KvFormat, LoadProgress, ModelOrigin } from './protocol.ts';
import { RateMeter } from './rate.ts';
import type { EngineReport, WasmEngine, WasmLoader, WasmModule } from './wasm.ts';

/** What the page asked for. */
export interface LoadRequest {
  model: ResolvedModel;
  backend: Backend;
  threads?: number;
  contextLength?: number;
  kvFormat?: KvFormat;
}

/** What there is at the end. */
export interface Loaded {
  engine: WasmEngine;
  info: EngineInfo;
}

/** Blobs and stored files are read in pieces of this size: two of them are alive at once. */
const SLICE = 4 << 20;

/** Faults of the device, not of the model: with these, `auto` goes on with the CPU. */
const DEVICE_FAULTS = new Set(['no-webgpu', 'device-lost', 'out-of-memory']);
/** Faults of the file: it is not kept, so that the next try fetches it anew. */
const FILE_FAULTS = new Set(['bad-model', 'integrity', 'unsupported-architecture', 'unsupported-quantization', 'unsupported-tokenizer']);

/** Loads a model, on the backend asked for or the best one that works. */
export async function loadModel(
  wasm: WasmModule,
  request: LoadRequest,
  report: (progress: LoadProgress) => void,
  signal: AbortSignal,
): Promise<Loaded> {
  if (!hasSimd()) throw new LinnetError('no-simd', 'This browser cannot run wasm SIMD.');
  const load = (backend: 'cpu' | 'webgpu') => new ModelLoad(wasm, request, backend, report, signal).run();
  if (request.backend !== 'auto') return load(request.backend);

  const gpu = await probeGpu();
  if (gpu === 'hardware') {
    try {
      return await load('webgpu');
    } catch (error) {
      const { code } = toLinnetError(error);
      if (!DEVICE_FAULTS.has(code)) throw error;
      const loaded = await load('cpu');
      loaded.info.fallback = toPlain(error);
      return loaded;
    }
  }
  const loaded = await load('cpu');
  const why = gpu === 'software' ? 'WebGPU is only simulated by software here.' : 'There is no WebGPU here.';
  loaded.info.fallback = { code: 'no-webgpu', message: why, details: { gpu } };
  return loaded;
}

/** Says that the stored copy was not what it should be. It is gone by then. */
class BrokenEntry extends Error {}

/** One attempt on one backend. */
class ModelLoad {
  #origin: ModelOrigin = 'file';
  #stored = false;
  #loaded = 0;
  #total: number | undefined;
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
    if (model.kind === 'local') return this.#build((loader) => this.#feedBlob(loader, model));
    const cache = await ModelCache.open();
    try {
      return await this.#build((loader) => this.#feedRemote(loader, model, cache));
    } catch (error) {
      if (!(error instanceof BrokenEntry)) throw error;
      return this.#build((loader) => this.#feedRemote(loader, model, cache));
    }
  }

  /** A loader, fed, made into an engine. */
  async #build(feed: (loader: WasmLoader) => Promise<(() => Promise<void>) | void>): Promise<Loaded> {
    const { threads, contextLength, kvFormat } = this.request;
    this.#loaded = 0;
    const options = { backend: this.backend, threads, context_length: contextLength, kv: kvFormat };
    const loader = await this.wasm.Loader.create(JSON.stringify(options));
    let forget: (() => Promise<void>) | void;
    try {
      forget = await feed(loader);
    } catch (error) {
      loader.free();
      throw error;
    }
    try {
      this.#progress('prepare');
      const engine = await loader.finish();
      const report = JSON.parse(engine.info()) as EngineReport;
      const memory = { ...report.memory, heap: this.wasm.memory.buffer.byteLength };
      return { engine, info: { ...report, memory, origin: this.#origin, stored: this.#stored } };
    } catch (error) {
      if (FILE_FAULTS.has(toLinnetError(error).code)) await forget?.();
      throw error;
    }
  }

  async #feedBlob(loader: WasmLoader, { blob }: LocalModel): Promise<void> {
    this.#total = blob.size;
    for await (const slice of slices(blob)) await this.#push(loader, slice, 'file');
  }

  /** From the store if the model is there, else from the network and into the store. Gives what forgets the stored copy. */
  async #feedRemote(loader: WasmLoader, model: RemoteModel, cache: ModelCache | undefined): Promise<() => Promise<void>> {
    const key = model.sha256 ?? this.#hashOf(new TextEncoder().encode(model.urls[0]));
    const stored = await cache?.find(key);
    if (cache && stored) {
      this.#origin = 'cache';
      this.#stored = true;
      this.#total = stored.file.size;
      await this.#feedStored(loader, stored.file, stored.sha256, () => cache.remove(key));
    } else {
      this.#origin = 'network';
      const writer = await cache?.begin(key);
      this.#stored = await this.#feedDownload(loader, model, writer);
    }
    return async () => cache?.remove(key);
  }

  async #feedStored(loader: WasmLoader, file: File, sha256: string, remove: () => Promise<void>): Promise<void> {
    const hash = new this.wasm.Sha256();
    try {
      let fault: unknown;
      for await (const slice of slices(file)) {
        hash.update(slice);
        // After a fault the rest is read all the same: is it the model that is bad, or the copy?
        if (!fault) await this.#push(loader, slice, 'cache').catch((error: unknown) => (fault = error));
        if (fault && !FILE_FAULTS.has(toLinnetError(fault).code)) throw fault;
      }
      if (hash.hex() === sha256) {
        if (fault) throw fault;
        return;
      }
    } catch (error) {
      if (!(error instanceof DOMException) || this.signal.aborted) throw error;
      // The file cannot be read any more, or another tab has just replaced it.
    } finally {
      hash.free();
    }
    await remove();
    throw new BrokenEntry();
  }

  /** Gives whether the file is stored at the end. */
  async #feedDownload(loader: WasmLoader, model: RemoteModel, writer: CacheWriter | undefined): Promise<boolean> {
    const hash = new this.wasm.Sha256();
    const store = new Store(writer);
    try {
      const download = await Download.open(model.urls, {
        ...(model.bytes === undefined ? {} : { bytes: model.bytes }),
        ...(writer?.partial ? { partial: writer.partial } : {}),
        signal: this.signal,
      });
      this.#total = model.bytes ?? download.total;
      if (writer && download.start > 0) {
        for (const slice of writer.stored(download.start, SLICE)) {
          hash.update(slice);
          await this.#push(loader, slice, 'cache');
        }
      } else {
        await store.restart(download, model.sha256 !== undefined);
      }
      for await (const chunk of download) {
        hash.update(chunk);
        await store.append(chunk);
        this.#rate.add(chunk.length);
        await this.#push(loader, chunk, 'download');
      }
      const sha256 = hash.hex();
      if (model.sha256 !== undefined && sha256 !== model.sha256) {
        await store.discard();
        if (download.start > 0) throw new BrokenEntry();
        throw new LinnetError('integrity', 'The file is not the one that it should be: its SHA-256 differs.', {
          url: download.url,
          expected: model.sha256,
          found: sha256,
        });
      }
      return await store.complete(download.url, sha256);
    } catch (error) {
      if (FILE_FAULTS.has(toLinnetError(error).code)) await store.discard();
      else await store.keep();
      throw error;
    } finally {
      hash.free();
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
    if (this.#total !== undefined) progress.total = this.#total;
    if (phase === 'download') progress.bytesPerSecond = this.#rate.perSecond();
    this.report(progress);
  }

  #hashOf(bytes: Uint8Array): string {
    const hash = new this.wasm.Sha256();
    try {
      hash.update(bytes);
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

  async complete(url: string, sha256: string): Promise<boolean> {
    await this.#attempt((writer) => writer.complete(url, sha256));
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

/** A blob's bytes in order. The next slice is being read while the consumer works on this one. */
async function* slices(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (at: number) => blob.slice(at, at + SLICE).arrayBuffer();
  let next = blob.size > 0 ? read(0) : undefined;
  for (let at = SLICE; next; at += SLICE) {
    const bytes = new Uint8Array(await next);
    next = at < blob.size ? read(at) : undefined;
    // A read that fails while nobody waits for it must not count as unhandled; it is awaited in the next round.
    next?.catch(() => {});
    yield bytes;
  }
}
