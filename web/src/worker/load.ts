import { probeGpu } from '../protocol/device.ts';
import type { Needs } from './engine-module.ts';
import { type PlainError, toLinnetError, toPlain } from '../protocol/errors.ts';
import type { BackendKind } from '../protocol/generated.ts';
import type { LoadProgress } from '../protocol/messages.ts';
import { type Loaded, type LoadRequest, ModelLoad } from './model-load.ts';
import type { ResolvedModel } from '../protocol/model-files.ts';
import type { WasmModule } from '../protocol/wasm.ts';

/** A loaded engine, and a way to load it again with a context of the same length. */
export interface Reloadable extends Loaded {
  again(backend: BackendKind): Promise<Loaded>;
}

/** Faults of the device, not of the model: after these, `auto` continues on the CPU. */
const DEVICE_FAULTS = new Set(['no-webgpu', 'device-lost', 'out-of-memory']);

/** The GPU failed, but the CPU may work. `why` is shown to the person. */
export class GpuFailed extends Error {
  constructor(readonly why: PlainError) {
    super(why.message);
  }
}

/**
 * Loads a model on the requested backend or, with `auto`, on the best one.
 *
 * @param start returns the wasm module for a backend
 * @throws GpuFailed with `auto`: the CPU needs another module, with threads, and a worker has only one
 */
export async function loadModel(
  start: (needs: Needs, signal: AbortSignal) => Promise<WasmModule>,
  request: LoadRequest,
  report: (progress: LoadProgress) => void,
  signal: AbortSignal,
): Promise<Reloadable> {
  const { model, threads, contextLength } = request;
  const modelBytes = sizeOf(model);
  const load = async (backend: BackendKind): Promise<Reloadable> => {
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
  const why = gpu === 'software' ? 'WebGPU is only emulated in software here.' : 'This browser has no WebGPU.';
  loaded.info.fallback = { code: 'no-webgpu', message: why, details: { gpu } };
  return loaded;
}

/** The size of all files, if known. */
function sizeOf(model: ResolvedModel): number | undefined {
  const sizes = model.map((file) => (file.kind === 'local' ? file.blob.size : file.bytes));
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0);
}
