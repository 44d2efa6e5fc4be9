import type { PlainError } from './errors.ts';
import type { ResolvedModel } from './model-files.ts';
import type { Counters, EngineReport, GenerationEvent, ModuleName, SuggestEvent } from './wasm.ts';

/** Which compute path to use; `auto` takes WebGPU where there is a real GPU behind it, and the CPU elsewhere. */
export type Backend = 'auto' | 'webgpu' | 'cpu';

/** What is being waited for while a model loads. */
export interface LoadProgress {
  /**
   * - `engine`: Linnet's own wasm is being fetched and compiled
   * - `download`: the model comes over the network
   * - `cache`: it comes from this browser's storage
   * - `file`: it comes from the file that the person chose
   * - `prepare`: all bytes are there; pipelines and buffers are being made
   */
  phase: 'engine' | 'download' | 'cache' | 'file' | 'prepare';
  /** Bytes of the model so far. */
  loaded: number;
  /** Bytes of the model, where that is known. */
  total?: number;
  /** Recent speed of the download. */
  bytesPerSecond?: number;
}

/** Where the bytes of a loaded model came from. */
export type ModelOrigin = 'network' | 'cache' | 'file';

/** What `Linnet.info()` says: the engine's own report, and how it came to be. */
export interface EngineInfo extends EngineReport {
  /** Bytes that the model takes, and `heap`: the size of the wasm's memory, in which the CPU path holds all of them and the GPU path none. */
  memory: EngineReport['memory'] & { heap: number };
  /** What the model is. A listed model has its name in the list; `general_name` is what the file itself says where that differs. */
  model: EngineReport['model'] & { general_name?: string };
  /** The wasm module in use; `threads` says with how many threads it computes. */
  module: ModuleName;
  /** Where the model was read from. */
  origin: ModelOrigin;
  /** Whether the model is stored in this browser, so that the next load needs no network. */
  stored: boolean;
  /** Why it is not, where it came from the network: `quota`, with the figures in bytes, or `no-storage`. */
  notStored?: PlainError;
  /** Why `auto` did not use the GPU, or does no more. Absent if it does, or if a backend was asked for by name. */
  fallback?: PlainError;
  /** What is done differently than asked, because the page died of this model before. See `LoadOptions.recovery`. */
  recovered?: Recovered;
  /** What each token of the last answer asked of the GPU. Absent before the first answer, and on the CPU. */
  counters?: Counters;
}

/** A number format of the KV cache. */
export type KvFormat = 'f16' | 'f32' | 'q8_0';

/** Whether a model is kept in the browser's storage: if possible, in any case (else loading fails), or not at all. */
export type StorageUse = 'auto' | 'required' | 'none';

/**
 * How fast answers are computed: `full`, as fast as the device can; `gentle`, with rests, so that it computes for half of the time at
 * most and stays cool; `auto`, gently while the battery is low or the device slows down.
 */
export type Pace = 'full' | 'gentle' | 'auto';

/** What becomes of an answer while its page is hidden: it goes on, or waits until somebody can see it. */
export type WhenHidden = 'go-on' | 'pause';

/** What becomes of a request that comes while the engine answers another one: it waits, or fails with `busy`. */
export type WhenBusy = 'queue' | 'refuse';

/** What the worker is told of an answer. */
export interface Steering {
  /** Whether it waits. */
  hold: boolean;
  pace: Pace;
}

/** What a page was doing when it died: loading a model, or answering for the first time after that. */
export type RiskyPhase = 'load' | 'first-answer';

/** What is done differently because of deaths before. Each step includes those before it. */
export type RecoveryStep = 'smaller-context' | 'cpu' | 'smaller-model';

/** What `info().recovered` says. */
export interface Recovered {
  step: RecoveryStep;
  /** How often pages died of this model since it last ran well as it was asked for. */
  crashes: number;
  /** What the last one of them was doing. */
  phase: RiskyPhase;
}

/** What an engine can be asked for: an answer, words that may come next, or how many tokens a prompt has. */
export type Asked = 'generate' | 'suggest' | 'count';

/** Page to worker. */
export type ToWorker =
  | { type: 'load'; model: ResolvedModel; backend: Backend; threads?: number; contextLength?: number; kvFormat?: KvFormat; memoryLimit?: number; storage?: StorageUse; measured?: string }
  /** Stores a model without loading it: from the network, or a file that the person gave. */
  | { type: 'store'; model: ResolvedModel }
  | { type: 'abort-load' }
  /** A request is JSON text: nothing of the page's goes over that cannot be cloned. */
  | { type: 'generate'; id: number; request: string; pace: Pace }
  | { type: Exclude<Asked, 'generate'>; id: number; request: string }
  /** How an answer is to go on: whether it waits, and how fast. */
  | { type: 'steer'; id: number; hold: boolean; pace: Pace }
  /** Ends a request. It is answered in any case, even if the worker does not know the request. */
  | { type: 'cancel'; id: number }
  /** Asks whether the worker hears the page. It says `pong`. */
  | { type: 'ping' };

/** Worker to page. */
export type FromWorker =
  /** The worker holds the lock of that name as long as it lives. */
  | { type: 'alive'; lock: string }
  | { type: 'pong' }
  | { type: 'progress'; progress: LoadProgress }
  /** The worker has begun to start the engine, its threads too: from now on it hears what it is told. */
  | { type: 'begun' }
  /** What measuring kernels has found, for `measured` of later loads. Comes before `loaded`. */
  | { type: 'measured'; found: string }
  | { type: 'loaded'; info: EngineInfo }
  /** The GPU was lost, and the model is being loaded again; with `active: false` that has ended, well or not. */
  | { type: 'recovering'; active: boolean }
  /** The GPU was lost and the model loaded again. */
  | { type: 'changed'; info: EngineInfo }
  /** The files' names in the store, in order. */
  | { type: 'stored'; keys: string[] }
  | { type: 'load-failed'; error: PlainError }
  /** With `auto`: it is for a new worker to try the CPU, since this one's module is not the one for that. */
  | { type: 'gpu-failed'; error: PlainError }
  | Reply;

/** What becomes of a request, step by step. */
export type EngineEvent = GenerationEvent | SuggestEvent | { type: 'counted'; tokens: number };

/** Worker to page, about one request. */
export type Reply =
  | { type: 'event'; id: number; event: EngineEvent }
  | { type: 'error'; id: number; error: PlainError };

/** Whether nothing more comes about that request. */
export function isLast(answer: Reply): boolean {
  return answer.type === 'error' || ['done', 'words', 'counted'].includes(answer.event.type);
}
