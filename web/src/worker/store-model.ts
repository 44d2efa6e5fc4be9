import { BrokenEntry, ModelCache, NO_WRITER } from '../store/cache.ts';
import { aborted, LinnetError, toLinnetError } from '../protocol/errors.ts';
import { CHUNK, ChunkedDownload } from '../download/chunked-download.ts';
import type { LoadProgress } from '../protocol/messages.ts';
import { RateMeter } from '../protocol/rate.ts';
import { keyOf } from '../store/opfs.ts';
import type { RemoteFile, ResolvedModel } from '../protocol/model-files.ts';
import { nextTask } from '../protocol/task.ts';
import { FileChanged } from '../download/transfer.ts';
import type { WasmModule } from '../protocol/wasm.ts';
import { aboutChosen, chosenSlices } from './chosen-file.ts';

// Stores a model without loading it.

/** Enough bytes to recognize a file that is not a GGUF file. */
const HEAD_BYTES = 1024;

/**
 * Stores all files of a model: downloads with {@link ChunkedDownload}, and copies the person's files.
 *
 * @returns their keys in the store
 * @throws LinnetError `no-storage`, `quota`, `bad-model`, `aborted`, or why a file could not be downloaded
 */
export async function storeModel(
  wasm: WasmModule,
  model: ResolvedModel,
  report: (progress: LoadProgress) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const cache = await ModelCache.open(wasm.Checksum);
  if (!cache)
    throw new LinnetError('no-storage', 'The browser stores no files for this page. Use a normal window over HTTPS.');
  const keys: string[] = [];
  let before = 0;
  for (const file of model) {
    const progress = (
      phase: LoadProgress['phase'],
      loaded: number,
      total: number | undefined,
      bytesPerSecond?: number,
    ) => {
      const rest = {
        ...(total === undefined || model.length > 1 ? {} : { total }),
        ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
      };
      report({ phase, loaded: before + loaded, ...rest });
    };
    const storer = new ModelStorer(wasm, cache, progress, signal);
    const { key, bytes } = file.kind === 'local' ? await storer.take(file.blob) : await storer.fetch(file);
    keys.push(key);
    before += bytes;
  }
  return keys;
}

type Progress = (
  phase: LoadProgress['phase'],
  loaded: number,
  total: number | undefined,
  bytesPerSecond?: number,
) => void;

/** Stores one file. */
class ModelStorer {
  constructor(
    readonly wasm: WasmModule,
    readonly cache: ModelCache,
    readonly progress: Progress,
    readonly signal: AbortSignal,
  ) {}

  /** Downloads a file, unless it is stored. */
  async fetch(file: RemoteFile): Promise<{ key: string; bytes: number }> {
    try {
      return await this.#fetchOnce(file);
    } catch (error) {
      // The damaged data were removed: the file is downloaded from its beginning.
      if (error instanceof BrokenEntry || error instanceof FileChanged) return this.#fetchOnce(file);
      throw error;
    }
  }

  async #fetchOnce(file: RemoteFile): Promise<{ key: string; bytes: number }> {
    const key = await keyOf(file);
    const there = await this.cache.find(key);
    if (there) return { key, bytes: there.total };
    const writer = await this.#begin(key);
    if (writer.journal?.isWhole()) {
      writer.keep();
      return { key, bytes: writer.journal.description.total! };
    }
    const rate = new RateMeter();
    const { Sha256 } = this.wasm;
    const download = await ChunkedDownload.open(file, {
      writer,
      mustStore: true,
      Sha256,
      signal: this.signal,
      onBytes: (count) => rate.add(count),
    });
    try {
      let first = true;
      for await (const { bytes, origin } of download) {
        if (first) await this.#refuseOther(bytes);
        first = false;
        this.progress(origin, download.arrived, download.identity.total, rate.perSecond());
        await nextTask();
      }
      // A server that sends no bytes at all.
      if (first) await this.#refuseOther(new Uint8Array());
      await download.finish();
    } catch (error) {
      const { code, details } = toLinnetError(error);
      const spoilt = code === 'bad-model' || (code === 'integrity' && details['chunk'] === undefined);
      const verified = error instanceof FileChanged && file.sha256 !== undefined;
      await download.giveUp(verified || !spoilt);
      throw error;
    }
    return { key, bytes: download.arrived };
  }

  /**
   * Copies the person's file. It is read twice, since its hash is its key; and hashed twice, since it may change in
   * between without the browser noticing.
   */
  async take(blob: Blob): Promise<{ key: string; bytes: number }> {
    const { value: head = new Uint8Array() } = await chosenSlices(blob, HEAD_BYTES).next();
    await this.#refuseOther(head).catch((error: unknown) => {
      throw aboutChosen(error, blob);
    });
    const sha256 = await this.#hashOf(blob);
    if (await this.cache.find(sha256)) return { key: sha256, bytes: blob.size };
    const writer = await this.#begin(sha256);
    const copied = new this.wasm.Sha256();
    try {
      const name = blob instanceof File ? blob.name : 'model.gguf';
      writer.restart({ url: `file:${name}`, chunkBytes: CHUNK, total: blob.size, sha256, name });
      writer.reserve(blob.size);
      let index = 0;
      for await (const bytes of chosenSlices(blob, CHUNK)) {
        if (this.signal.aborted) throw aborted();
        copied.update(bytes);
        writer.save(index++, bytes);
        this.progress('file', Math.min(index * CHUNK, blob.size), blob.size);
      }
      const found = copied.hex();
      if (found !== sha256) {
        const text = 'The file changed while it was stored. Choose it again.';
        throw aboutChosen(new LinnetError('integrity', text, { expected: sha256, found }), blob);
      }
      writer.complete(blob.size);
    } catch (error) {
      await writer.discard();
      throw error;
    } finally {
      copied.free();
    }
    return { key: sha256, bytes: blob.size };
  }

  /**
   * Rejects a file that is not a GGUF file, with the engine's error, which names other formats.
   *
   * @throws LinnetError `bad-model`
   */
  async #refuseOther(start: Uint8Array): Promise<void> {
    if (String.fromCharCode(...start.subarray(0, 4)) === 'GGUF') return;
    const loader = await this.wasm.Loader.create(JSON.stringify({ backend: 'cpu' }));
    try {
      await loader.push(start.subarray(0, HEAD_BYTES));
    } catch (error) {
      loader.free();
      throw error;
    }
    await loader.finish();
  }

  async #begin(key: string) {
    const writer = await this.cache.begin(key, this.signal, ({ loaded, total }) =>
      this.progress('download', loaded, total),
    );
    if (!writer) throw new LinnetError('no-storage', NO_WRITER, { key });
    return writer;
  }

  async #hashOf(blob: Blob): Promise<string> {
    const hash = new this.wasm.Sha256();
    try {
      for await (const bytes of chosenSlices(blob)) {
        if (this.signal.aborted) throw aborted();
        hash.update(bytes);
        await nextTask();
      }
      return hash.hex();
    } finally {
      hash.free();
    }
  }
}
