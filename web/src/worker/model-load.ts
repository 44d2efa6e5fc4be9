import { BrokenEntry, type CacheWriter, ModelCache, NO_WRITER, type StoredFile } from '../store/cache.ts';
import { aborted, fromPlain, LinnetError, type PlainError, toLinnetError } from '../protocol/errors.ts';
import { ChunkedDownload } from '../download/chunked-download.ts';
import type { RemoteFile, ResolvedFile, ResolvedModel } from '../protocol/model-files.ts';
import type { BackendKind, KvFormat, LoaderOptions } from '../protocol/generated.ts';
import type { Backend, EngineInfo, LoadProgress, ModelOrigin, StorageUse } from '../protocol/messages.ts';
import { RateMeter } from '../protocol/rate.ts';
import { keyOf } from '../store/opfs.ts';
import { nextTask } from '../protocol/task.ts';
import { FileChanged } from '../download/transfer.ts';
import { aboutChosen, chosenSlices } from './chosen-file.ts';
import { HeaderAhead } from './header-ahead.ts';
import type { RemoteProgress } from '../store/tab-lock.ts';
import type { WasmEngine, WasmLoader, WasmModule } from '../protocol/wasm.ts';

/** The page's request. */
export interface LoadRequest {
  model: ResolvedModel;
  backend: Backend;
  threads?: number;
  contextLength?: number;
  kvFormat?: KvFormat;
  memoryLimit?: number;
  storage?: StorageUse;
  /** The results of tuning kernels at earlier loads. */
  measured?: string;
}

/** A loaded engine. */
export interface Loaded {
  engine: WasmEngine;
  info: EngineInfo;
}

/** Bytes of the wasm memory for other things than the model: data, stack, tokenizer. */
const BESIDE_MODEL = 64 << 20;
/** Faults of the copy: it is removed, so that the next try downloads it from its beginning. */
const COPY_FAULTS = new Set(['bad-model', 'integrity']);
/**
 * Faults that may be about one of several files. The file of an unsupported model is kept, since another version may
 * support it.
 */
const PART_FAULTS = new Set([
  ...COPY_FAULTS,
  'unsupported-architecture',
  'unsupported-quantization',
  'unsupported-tokenizer',
  'network',
  'not-found',
  'http',
]);

/** One load on one backend. */
export class ModelLoad {
  /** Index of the file that is being read. */
  #part = 0;
  #origins = new Set<ModelOrigin>();
  #stored = true;
  #notStored: PlainError | undefined;
  #loaded = 0;
  /** The files' sizes, if known. */
  #sizes: (number | undefined)[] = [];
  /** The parts whose headers were read ahead. */
  #ahead = new Map<RemoteFile, HeaderAhead>();
  readonly #rate = new RateMeter();

  constructor(
    readonly wasm: WasmModule,
    readonly request: LoadRequest,
    readonly backend: BackendKind,
    readonly report: (progress: LoadProgress) => void,
    readonly signal: AbortSignal,
  ) {}

  async run(): Promise<Loaded> {
    const { model } = this.request;
    const cache = await this.#openCache();
    for (let broken = 0; ; broken++) {
      try {
        return await this.#build(cache);
      } catch (error) {
        // The damaged data were removed: the file is downloaded from its beginning.
        const again = error instanceof BrokenEntry || error instanceof FileChanged;
        if (!again || broken === model.length) throw this.#blamed(error);
      }
    }
  }

  async #openCache(): Promise<ModelCache | undefined> {
    const { model, storage } = this.request;
    if (storage === 'none' || model.every(({ kind }) => kind === 'local')) return undefined;
    const cache = await ModelCache.open(this.wasm.Checksum);
    if (!cache)
      this.#doWithout({
        code: 'no-storage',
        message: 'The browser stores no files for this page. Use a normal window over HTTPS.',
        details: {},
      });
    return cache;
  }

  /** Records why something is not stored. @throws LinnetError that reason, if it must be stored */
  #doWithout(why: PlainError | undefined): void {
    this.#notStored ??= why;
    if (why && this.request.storage === 'required') throw fromPlain(why);
  }

  /** Feeds a loader and makes an engine of it. */
  async #build(cache: ModelCache | undefined): Promise<Loaded> {
    const { model, threads, contextLength, kvFormat, memoryLimit, measured } = this.request;
    this.#loaded = 0;
    this.#sizes = model.map(() => undefined);
    this.#origins.clear();
    this.#stored = true;
    const options: LoaderOptions = {
      backend: this.backend,
      threads: threads ?? null,
      context_length: contextLength ?? null,
      kv: kvFormat ?? null,
      memory_limit: this.#memoryLimit(memoryLimit) ?? null,
      measured: measured ?? null,
    };
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
      const report = engine.info();
      const memory = { ...report.memory, heap: this.wasm.memory.buffer.byteLength };
      const notStored = this.#notStored ? { notStored: this.#notStored } : {};
      const origin = (['network', 'cache', 'file'] as const).find((origin) => this.#origins.has(origin))!;
      return {
        engine,
        info: { ...report, memory, module: this.wasm.name, origin, stored: this.#stored, ...notStored },
      };
    } catch (error) {
      await this.#forgetAfter(error, cache);
      throw error;
    }
  }

  /** The model's memory limit. On the CPU it must fit into the wasm memory together with everything else. */
  #memoryLimit(asked: number | undefined): number | undefined {
    if (this.backend !== 'cpu') return asked;
    return Math.min(asked ?? Infinity, this.wasm.mostBytes - BESIDE_MODEL);
  }

  /**
   * Feeds all files, one after the other. The headers of later parts come first, since the first part alone says too
   * little.
   */
  async #feed(loader: WasmLoader, model: ResolvedModel, cache: ModelCache | undefined): Promise<void> {
    for (this.#part = 1; this.#part < model.length; this.#part++)
      await this.#readAhead(loader, model[this.#part]!, cache);
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
    const stored = file.kind === 'remote' ? await cache?.find(await keyOf(file)) : undefined;
    if (stored) return this.#readHeader(loader, this.#sized(stored.chunks(), stored.total));
    if (file.kind === 'local') return this.#readHeader(loader, this.#sized(chosenSlices(file.blob), file.blob.size));
    // The bytes are stored, so they are not downloaded twice.
    const download = await this.#open(file, await this.#begin(file, cache));
    let keep = true;
    const header = new HeaderAhead(download.identity, this.wasm.Sha256);
    try {
      this.#ahead.set(file, header);
      await this.#readHeader(loader, header.read(bytesOf(download)));
    } catch (error) {
      keep = this.#isGood(error, file);
      throw error;
    } finally {
      await download.giveUp(keep);
    }
  }

  async #readHeader(loader: WasmLoader, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const piece of pieces) {
      if (this.signal.aborted) throw aborted();
      if (loader.readAhead(piece)) return;
    }
    loader.readAhead(new Uint8Array());
  }

  #sized<T>(pieces: T, bytes: number | undefined): T {
    this.#sizes[this.#part] = bytes;
    return pieces;
  }

  /** The file's entry, once this tab holds its lock. */
  async #begin(file: RemoteFile, cache: ModelCache | undefined): Promise<CacheWriter | undefined> {
    const waiting = ({ loaded, total }: RemoteProgress) =>
      this.report({ phase: 'download', loaded: this.#loaded + loaded, ...(total === undefined ? {} : { total }) });
    const writer = await cache?.begin(await keyOf(file), this.signal, waiting);
    if (cache && !writer)
      this.#doWithout({
        code: 'no-storage',
        message: NO_WRITER,
        details: {},
      });
    return writer;
  }

  async #open(
    file: RemoteFile,
    writer: CacheWriter | undefined,
    onBytes = (_count: number) => {},
  ): Promise<ChunkedDownload> {
    const { Sha256 } = this.wasm;
    const download = await ChunkedDownload.open(file, {
      writer,
      mustStore: this.request.storage === 'required',
      Sha256,
      signal: this.signal,
      onBytes,
    });
    return this.#sized(download, download.identity.total);
  }

  /** Whether the bytes of a file are worth keeping after an error. */
  #isGood(error: unknown, { chunks, sha256 }: RemoteFile): boolean {
    // If the hash is known, a mix of two versions would be noticed.
    if (error instanceof FileChanged) return sha256 !== undefined;
    // Each stored chunk was verified.
    return chunks !== undefined || !COPY_FAULTS.has(toLinnetError(error).code);
  }

  /** Removes the files of a model that the engine finds damaged. Errors of a download do not remove other files. */
  async #forgetAfter(error: unknown, cache: ModelCache | undefined): Promise<void> {
    if (error instanceof LinnetError || !COPY_FAULTS.has(toLinnetError(error).code)) return;
    for (const file of this.request.model) {
      // A file with a known hash is not damaged. An imported file cannot be downloaded again.
      const isKept = file.kind === 'local' || file.sha256 !== undefined || file.key !== undefined;
      if (!isKept) await cache?.forget(await keyOf(file));
    }
  }

  /** Adds to an error which file or part it is about. */
  #blamed(error: unknown): unknown {
    const { model } = this.request;
    const { code, message, details } = toLinnetError(error);
    if (!PART_FAULTS.has(code)) return error;
    if (model.length === 1) return model[0]!.kind === 'local' ? aboutChosen(error, model[0]!.blob) : error;
    // The engine also counts parts from 1.
    const named = typeof details['part'] === 'number';
    const part = named ? (details['part'] as number) : this.#part + 1;
    const file = model[part - 1];
    const place = file?.kind === 'local' ? aboutChosen(error, file.blob).details : { url: file?.urls[0] };
    // An error in the first part is mostly about the whole model.
    const text = named || part === 1 ? message : `Part ${part} of ${model.length}: ${message}`;
    return new LinnetError(code, text, { part, ...place, ...details });
  }

  async #feedBlob(loader: WasmLoader, blob: Blob): Promise<void> {
    this.#origins.add('file');
    this.#stored = false;
    this.#sizes[this.#part] = blob.size;
    for await (const slice of chosenSlices(blob)) await this.#push(loader, slice, 'file');
  }

  /** Reads a file from the store, or downloads and stores it. */
  async #feedRemote(loader: WasmLoader, file: RemoteFile, cache: ModelCache | undefined): Promise<void> {
    const stored = await cache?.find(await keyOf(file));
    if (stored) return this.#feedStored(loader, stored);
    const writer = await this.#begin(file, cache);
    // Another tab may have downloaded it while this one waited.
    if (!writer?.journal?.isWhole()) return this.#feedDownload(loader, file, writer);
    writer.keep();
    const whole = await cache!.find(await keyOf(file));
    if (whole) return this.#feedStored(loader, whole);
    this.#doWithout({
      code: 'no-storage',
      message: 'The browser does not let this page read the stored model.',
      details: {},
    });
    return this.#feedDownload(loader, file, undefined);
  }

  async #feedStored(loader: WasmLoader, stored: StoredFile): Promise<void> {
    this.#origins.add('cache');
    for await (const bytes of this.#sized(stored.chunks(), stored.total)) {
      await nextTask();
      await this.#push(loader, bytes, 'cache');
    }
  }

  async #feedDownload(loader: WasmLoader, file: RemoteFile, writer: CacheWriter | undefined): Promise<void> {
    this.#origins.add('network');
    const before = this.#loaded;
    let arrived: (() => void) | undefined;
    const download = await this.#open(file, writer, (count) => {
      this.#rate.add(count);
      arrived?.();
    });
    arrived = () => {
      this.#loaded = before + download.arrived;
      this.#progress(download.origin);
    };
    try {
      const header = this.#ahead.get(file);
      const check = header?.checkOf(download.identity, file);
      for await (const { bytes, origin } of download) {
        check?.(bytes);
        if (origin === 'cache') await nextTask();
        await this.#give(loader, bytes);
        arrived();
      }
      this.#stored &&= await download.finish();
      this.#doWithout(download.notStored);
    } catch (error) {
      await download.giveUp(this.#isGood(error, file));
      throw error;
    }
  }

  async #push(loader: WasmLoader, bytes: Uint8Array, phase: LoadProgress['phase']): Promise<void> {
    await this.#give(loader, bytes);
    this.#loaded += bytes.length;
    this.#progress(phase);
  }

  async #give(loader: WasmLoader, bytes: Uint8Array): Promise<void> {
    if (this.signal.aborted) throw aborted();
    await loader.push(bytes);
  }

  #progress(phase: LoadProgress['phase']): void {
    const progress: LoadProgress = { phase, loaded: this.#loaded };
    const total = this.#sizes.reduce<number | undefined>(
      (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
      0,
    );
    if (total !== undefined) progress.total = total;
    if (phase === 'download') progress.bytesPerSecond = this.#rate.perSecond();
    this.report(progress);
  }
}

async function* bytesOf(download: ChunkedDownload): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of download) yield bytes;
}
