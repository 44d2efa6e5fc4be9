import { Checksum, initSync, Loader, Sha256 } from '../../wasm/linnet.js';
import { canShareMemory, hasFastRelaxedSimd, hasSimd } from '../protocol/device.ts';
import { LinnetError } from '../protocol/errors.ts';
import type { BackendKind } from '../protocol/generated.ts';
import { fetchModule } from './fetch-module.ts';
import { memoryLadder, MOST_PAGES, MOST_THREADS, PAGE, usualThreads } from '../protocol/wasm-memory.ts';
import type { ThreadOrder, ThreadReport } from './thread.ts';
import type { ModuleName, WasmModule } from '../protocol/wasm.ts';

// There are several wasm modules. Only the one that fits this page and the request is loaded.

/** Facts that decide which module is loaded, and the size of its memory. */
export interface Needs {
  backend: BackendKind;
  /** The largest number of threads. */
  threads?: number | undefined;
  /** Bytes of the model, if known. */
  modelBytes?: number | undefined;
  contextLength?: number | undefined;
}

/** The modules' files. Bundlers recognize this form and include them. */
const FILES: Record<ModuleName, () => URL> = {
  simd128: () => new URL('./linnet_bg.wasm', import.meta.url),
  'simd128-threads': () => new URL('./linnet_threads_bg.wasm', import.meta.url),
  'relaxed-simd': () => new URL('./linnet_relaxed_bg.wasm', import.meta.url),
  'relaxed-simd-threads': () => new URL('./linnet_relaxed_threads_bg.wasm', import.meta.url),
};

/** The initial memory of each module, in pages: enough for its data and its stack. */
const INITIAL_PAGES = 64;
/** The stack of a thread; its data are on the heap. */
const THREAD_STACK = 512 << 10;
/** The time limit for a thread's start. */
const PATIENCE = 10_000;

/** This worker's module; the glue supports only one. */
let started: WasmModule | undefined;

/**
 * Loads and starts the module that fits. Later calls return the same one.
 *
 * @throws LinnetError `no-simd`, `blocked`, or why the module could not be loaded
 */
export async function startModule(needs: Needs, signal: AbortSignal): Promise<WasmModule> {
  if (!hasSimd()) throw new LinnetError('no-simd', 'This browser cannot run wasm SIMD. Update it or use another one.');
  try {
    started ??= (await startThreaded(needs, signal)) ?? (await startSingle(needs, signal));
    return started;
  } catch (error) {
    // Each browser has its own message for it.
    if (!(error instanceof WebAssembly.CompileError) || !/Content.Security|CSP|unsafe-eval/i.test(error.message))
      throw error;
    throw new LinnetError(
      'blocked',
      "The page's Content-Security-Policy forbids wasm: its script-src needs 'wasm-unsafe-eval'.",
      { needs: 'wasm-unsafe-eval' },
    );
  }
}

/** The module with threads, if threads are possible and help. */
async function startThreaded(needs: Needs, signal: AbortSignal): Promise<WasmModule | undefined> {
  const threads = Math.min(needs.threads ?? usualThreads(navigator.hardwareConcurrency), MOST_THREADS);
  if (needs.backend !== 'cpu' || threads < 2 || !canShareMemory()) return undefined;
  const shared = sharedMemory(needs);
  if (!shared) return undefined;
  const { memory, maximum } = shared;
  const name = hasFastRelaxedSimd() ? 'relaxed-simd-threads' : 'simd128-threads';
  const starting = fetchModule(FILES[name](), signal).then((module) => {
    const order: ThreadOrder = { module, memory, stack: THREAD_STACK };
    return { order, wasm: start(name, module, memory, maximum) };
  });
  // Starting the workers takes as long as compiling the module, so both run at the same time.
  const order = starting.then(({ order }) => order);
  const coming = Promise.all(Array.from({ length: threads - 1 }, () => startThread(order)));
  const { wasm } = await starting;
  await coming;
  return wasm;
}

/** The module with one thread. On the GPU path it needs no faster instructions. */
async function startSingle({ backend }: Needs, signal: AbortSignal): Promise<WasmModule> {
  const name = backend === 'cpu' && hasFastRelaxedSimd() ? 'relaxed-simd' : 'simd128';
  const module = await fetchModule(FILES[name](), signal);
  return start(name, module, new WebAssembly.Memory({ initial: INITIAL_PAGES }), MOST_PAGES);
}

/** A memory that the browser allows; `undefined` if it refuses all sizes that would do. */
function sharedMemory({
  modelBytes,
  contextLength,
}: Needs): { memory: WebAssembly.Memory; maximum: number } | undefined {
  for (const maximum of memoryLadder(modelBytes, contextLength)) {
    try {
      return { memory: new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true }), maximum };
    } catch {
      // Try the next smaller size.
    }
  }
  return undefined;
}

function start(
  name: ModuleName,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  mostPages: number,
): WasmModule {
  initSync({ module, memory });
  return { name, memory, mostBytes: mostPages * PAGE, Loader, Checksum, Sha256 };
}

/**
 * Starts a thread. Settles when it runs or is given up. The engine counts the threads that run.
 *
 * @param again whether to try again if its script does not arrive, as when a service worker is stopped in between
 */
function startThread(order: Promise<ThreadOrder>, again = true): Promise<void> {
  return new Promise((resolve) => {
    let worker: Worker;
    try {
      // Bundlers recognize this form and include the script.
      worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module', name: 'linnet thread' });
    } catch {
      return resolve();
    }
    let late: ReturnType<typeof setTimeout> | undefined;
    const settle = (result?: Promise<void>) => {
      clearTimeout(late);
      worker.onmessage = worker.onerror = null;
      resolve(result);
    };
    const giveUp = () => {
      worker.terminate();
      settle();
    };
    worker.onmessage = ({ data }: MessageEvent<ThreadReport>) => (data === 'ready' ? settle() : giveUp());
    worker.onerror = (event) => {
      event.preventDefault();
      // An event without a message means that the script could not be loaded.
      if (again && !event.message) settle(startThread(order, false));
      // A policy forbids it, or there is no memory: the engine uses fewer threads.
      else giveUp();
    };
    const give = (order: ThreadOrder) => {
      // It may have been given up already.
      if (!worker.onmessage) return;
      late = setTimeout(giveUp, PATIENCE);
      worker.postMessage(order);
    };
    order.then(give).catch(giveUp);
  });
}
