import type { PlainError } from './errors.ts';
import type { ResolvedModel } from './model-files.ts';
import type {
  BackendKind,
  Counters,
  DecideEvent,
  EngineReport,
  GenerationEvent,
  KvFormat,
  SuggestEvent,
} from './generated.ts';
import type { ModuleName } from './wasm.ts';

/** The backend to use; `auto` takes WebGPU if there is a hardware GPU, and the CPU otherwise. */
export type Backend = 'auto' | BackendKind;

/** The progress of a load. */
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
  /** Bytes of the whole model, if known. */
  total?: number;
  /** The download's speed over the last seconds. */
  bytesPerSecond?: number;
}

/** Where the bytes of a loaded model came from. */
export type ModelOrigin = 'network' | 'cache' | 'file';

/** The result of `Linnet.info()`: the engine's report, and how the model was loaded. */
export interface EngineInfo extends EngineReport {
  /**
   * Bytes of memory that the model uses, and `heap`: the size of the wasm memory, which holds the whole model on the
   * CPU path and none of it on the GPU path.
   */
  memory: EngineReport['memory'] & { heap: number };
  /** The model. A listed model has its name from the list; `general_name` is the name in the file, if it differs. */
  model: EngineReport['model'] & { general_name?: string };
  /** The wasm module in use; `threads` is the number of its threads. */
  module: ModuleName;
  /** The source that the model was read from. */
  origin: ModelOrigin;
  /** Whether the model is stored in this browser, so that the next load needs no network. */
  stored: boolean;
  /** Why a downloaded model was not stored: `quota`, with the figures in bytes, or `no-storage`. */
  notStored?: PlainError;
  /** Why `auto` does not use the GPU, or no longer. Absent if it does, or if the backend was chosen by name. */
  fallback?: PlainError;
  /** What was changed because the page crashed with this model before. See `LoadOptions.recovery`. */
  recovered?: Recovered;
  /** The GPU work per token of the last answer. Absent before the first answer, and on the CPU. */
  counters?: Counters;
}

/** Whether a model is kept in the browser's storage: if possible, always (or loading fails), or never. */
export type StorageUse = 'auto' | 'required' | 'none';

/**
 * How fast answers are computed: `full`, as fast as the device can; `gentle`, with pauses, so that the device computes
 * at most half of the time and stays cool; `auto`, gentle while the battery is low or the device throttles.
 */
export type Pace = 'full' | 'gentle' | 'auto';

/** What happens to an answer while its page is hidden: it goes on, or it pauses until the page is visible. */
export type WhenHidden = 'go-on' | 'pause';

/** What happens to a request that comes while the engine answers another one: it waits, or it fails with `busy`. */
export type WhenBusy = 'queue' | 'refuse';

/** How the worker should continue an answer. */
export interface Steering {
  /** Whether the answer is paused. */
  hold: boolean;
  pace: Pace;
}

/** What a page was doing when it crashed: loading a model, or writing the first answer. */
export type RiskyPhase = 'load' | 'first-answer';

/** What is changed after crashes. Each step includes the steps before it. */
export type RecoveryStep = 'smaller-context' | 'cpu' | 'smaller-model';

/** The value of `info().recovered`. */
export interface Recovered {
  step: RecoveryStep;
  /** How often the page crashed with this model since it last ran well with all options as given. */
  crashes: number;
  /** What the page was doing at the last crash. */
  phase: RiskyPhase;
}

/** The kinds of requests: an answer, suggestions of words, decisions, or the number of a prompt's tokens. */
export type Asked = 'generate' | 'suggest' | 'decide' | 'count';

/** Messages from the page to the worker. */
export type ToWorker =
  | {
      type: 'load';
      model: ResolvedModel;
      backend: Backend;
      threads?: number;
      contextLength?: number;
      kvFormat?: KvFormat;
      memoryLimit?: number;
      storage?: StorageUse;
      measured?: string;
    }
  /** Stores a model without loading it, from the network or from a file. */
  | { type: 'store'; model: ResolvedModel }
  | { type: 'abort-load' }
  /** A request is JSON text, since the page's objects may not be cloneable. */
  | { type: 'generate'; id: number; request: string; pace: Pace }
  | { type: Exclude<Asked, 'generate'>; id: number; request: string }
  /** Pauses an answer or lets it continue, and sets its pace. */
  | { type: 'steer'; id: number; hold: boolean; pace: Pace }
  /** Cancels a request. The worker always replies, even if it does not know the request. */
  | { type: 'cancel'; id: number }
  /** Checks that the worker responds. It replies with `pong`. */
  | { type: 'ping' };

/** Messages from the worker to the page. */
export type FromWorker =
  /** The worker holds the lock of that name until it ends. */
  | { type: 'alive'; lock: string }
  | { type: 'pong' }
  | { type: 'progress'; progress: LoadProgress }
  /** The worker has started the engine and its threads: from now on it receives messages. */
  | { type: 'begun' }
  /** The results of tuning kernels, for `measured` of later loads. Comes before `loaded`. */
  | { type: 'measured'; found: string }
  | { type: 'loaded'; info: EngineInfo }
  /**
   * The GPU was lost, and the model is being loaded again. `active: false` means that this has ended, successfully or
   * not.
   */
  | { type: 'recovering'; active: boolean }
  /** The model was loaded again after a loss of the GPU. */
  | { type: 'changed'; info: EngineInfo }
  /** The files' keys in the store, in order. */
  | { type: 'stored'; keys: string[] }
  | { type: 'load-failed'; error: PlainError }
  /** With `auto`: a new worker should try the CPU, since that needs another wasm module. */
  | { type: 'gpu-failed'; error: PlainError }
  | Reply;

/** The events of a request. */
export type EngineEvent = GenerationEvent | SuggestEvent | DecideEvent | { type: 'counted'; tokens: number };

/** A message from the worker about one request. */
export type Reply =
  | { type: 'event'; id: number; event: EngineEvent }
  | { type: 'error'; id: number; error: PlainError };

/** Whether this is the last message about its request. */
export function isLast(answer: Reply): boolean {
  return answer.type === 'error' || ['done', 'words', 'decided', 'counted'].includes(answer.event.type);
}
