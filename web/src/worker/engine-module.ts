import { Checksum, initSync, Loader, Sha256 } from '../../wasm/linnet.js';
import { canShareMemory, hasFastRelaxedSimd, hasSimd } from '../protocol/device.ts';
import { aborted, LinnetError } from '../protocol/errors.ts';
import { fileError } from '../download/package-file.ts';
import { memoryLadder, MOST_PAGES, MOST_THREADS, PAGE, usualThreads } from '../protocol/wasm-memory.ts';
import type { ThreadOrder, ThreadReport } from './thread.ts';
import type { ModuleName, WasmModule } from '../protocol/wasm.ts';

// The wasm comes as several modules, of which one is fetched: the one that fits this page and what is asked of it.

/** What decides which module is loaded, and how large its memory may become. */
export interface Needs {
  backend: 'cpu' | 'webgpu';
  /** At most so many threads. */
  threads?: number | undefined;
  /** Bytes of the model, where they are known. */
  modelBytes?: number | undefined;
  contextLength?: number | undefined;
}

/** The modules' files, each written out: in this form bundlers find them and ship them along. */
const FILES: Record<ModuleName, () => URL> = {
  simd128: () => new URL('./linnet_bg.wasm', import.meta.url),
  'simd128-threads': () => new URL('./linnet_threads_bg.wasm', import.meta.url),
  'relaxed-simd': () => new URL('./linnet_relaxed_bg.wasm', import.meta.url),
  'relaxed-simd-threads': () => new URL('./linnet_relaxed_threads_bg.wasm', import.meta.url),
};

/** What every module has from its start, in pages: its data and its stack fit. */
const INITIAL_PAGES = 64;
/** A thread needs no more: what it computes with lies in the heap. */
const THREAD_STACK = 512 << 10;
/** Nobody waits longer for a thread to come. */
const PATIENCE = 10_000;

/** The module that this worker has; the glue drives no second one. */
let started: WasmModule | undefined;

/**
 * Fetches and starts the module that fits; later calls get the same one.
 *
 * @throws LinnetError `no-simd`, `blocked`, or that the module could not be fetched
 */
export async function startModule(needs: Needs, signal: AbortSignal): Promise<WasmModule> {
  if (!hasSimd()) throw new LinnetError('no-simd', 'This browser cannot run wasm SIMD. Update it or use another one.');
  try {
    started ??= (await startThreaded(needs, signal)) ?? (await startSingle(needs, signal));
    return started;
  } catch (error) {
    // Each engine has its own words for it.
    if (!(error instanceof WebAssembly.CompileError) || !/Content.Security|CSP|unsafe-eval/i.test(error.message)) throw error;
    throw new LinnetError('blocked', "The page's Content-Security-Policy forbids wasm: its script-src needs 'wasm-unsafe-eval'.", { needs: 'wasm-unsafe-eval' });
  }
}

/** The module for several threads, where they can be had and would help. */
async function startThreaded(needs: Needs, signal: AbortSignal): Promise<WasmModule | undefined> {
  const threads = Math.min(needs.threads ?? usualThreads(navigator.hardwareConcurrency), MOST_THREADS);
  if (needs.backend !== 'cpu' || threads < 2 || !canShareMemory()) return undefined;
  const shared = sharedMemory(needs);
  if (!shared) return undefined;
  const { memory, maximum } = shared;
  const name = hasFastRelaxedSimd() ? 'relaxed-simd-threads' : 'simd128-threads';
  const starting = compile(FILES[name](), signal).then((module) => {
    const order: ThreadOrder = { module, memory, stack: THREAD_STACK };
    return { order, wasm: start(name, module, memory, maximum) };
  });
  // The workers' own start takes as long as compiling the module does: the two go on at the same time.
  const order = starting.then(({ order }) => order);
  const coming = Promise.all(Array.from({ length: threads - 1 }, () => startThread(order)));
  const { wasm } = await starting;
  await coming;
  return wasm;
}

/** The module for one thread. A GPU computes instead of it, so that path needs none of the faster instructions. */
async function startSingle({ backend }: Needs, signal: AbortSignal): Promise<WasmModule> {
  const name = backend === 'cpu' && hasFastRelaxedSimd() ? 'relaxed-simd' : 'simd128';
  const module = await compile(FILES[name](), signal);
  return start(name, module, new WebAssembly.Memory({ initial: INITIAL_PAGES }), MOST_PAGES);
}

/** A memory that the browser grants; none where it refuses all that would do. */
function sharedMemory({ modelBytes, contextLength }: Needs): { memory: WebAssembly.Memory; maximum: number } | undefined {
  for (const maximum of memoryLadder(modelBytes, contextLength)) {
    try {
      return { memory: new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum, shared: true }), maximum };
    } catch {
      // The next one is smaller.
    }
  }
  return undefined;
}

async function compile(url: URL, signal: AbortSignal): Promise<WebAssembly.Module> {
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw signal.aborted ? aborted() : fileError(url.href, undefined, error);
  }
  const { status } = response;
  const type = response.headers.get('Content-Type');
  if (!response.ok) throw fileError(url.href, { status, type });
  try {
    if (type?.startsWith('application/wasm')) return await WebAssembly.compileStreaming(response);
    // A server that does not know the type of .wasm files is no reason to fail; one that answers with a page is.
    const bytes = await response.arrayBuffer();
    if (!isWasm(bytes)) throw fileError(url.href, { status, type, foreign: true });
    return await WebAssembly.compile(bytes);
  } catch (error) {
    // A TypeError is a body that broke off; anything else is the module's own.
    throw error instanceof TypeError ? fileError(url.href, undefined, error) : error;
  }
}

/** Whether a file begins as WebAssembly does, with a zero byte and `asm`. */
function isWasm(bytes: ArrayBuffer): boolean {
  return bytes.byteLength >= 4 && new DataView(bytes).getUint32(0) === 0x0061736d;
}

function start(name: ModuleName, module: WebAssembly.Module, memory: WebAssembly.Memory, mostPages: number): WasmModule {
  initSync({ module, memory });
  return { name, memory, mostBytes: mostPages * PAGE, Loader, Checksum, Sha256 };
}

/** Starts a thread; settles when it has come or is given up. The engine counts those that have come. */
function startThread(order: Promise<ThreadOrder>): Promise<void> {
  return new Promise((resolve) => {
    let worker: Worker;
    try {
      // In this form bundlers find the script and ship it along.
      worker = new Worker(new URL('./thread.js', import.meta.url), { type: 'module', name: 'linnet thread' });
    } catch {
      return resolve();
    }
    let late: ReturnType<typeof setTimeout> | undefined;
    const settle = () => {
      clearTimeout(late);
      worker.onmessage = worker.onerror = null;
      resolve();
    };
    const giveUp = () => {
      worker.terminate();
      settle();
    };
    worker.onmessage = ({ data }: MessageEvent<ThreadReport>) => (data === 'ready' ? settle() : giveUp());
    worker.onerror = (event) => {
      // A policy that forbids it, or no memory: the engine computes with fewer.
      event.preventDefault();
      giveUp();
    };
    const give = (order: ThreadOrder) => {
      // It may be given up already.
      if (!worker.onmessage) return;
      late = setTimeout(giveUp, PATIENCE);
      worker.postMessage(order);
    };
    order.then(give).catch(giveUp);
  });
}
