import type { DeviceProbe } from '../page/device-probe.ts';
import { bytesOf, type ListedModel } from './entry.ts';

// Which models fit a device, before anything is downloaded. A browser tells little: not how much memory a GPU has, nor how much
// a tab may take before it is killed. So there are two budgets, one that is taken to be safe and one that may turn out well.

/** What stands in a model's way, or what is to be known about it. */
export type FitReasonCode =
  /** It takes more memory than the device may give. */
  | 'memory'
  /** It is made for a GPU, and there is none, or one played by software. */
  | 'no-gpu'
  /** A tensor is larger than the GPU's largest buffer. */
  | 'gpu-limit'
  /** There is neither a GPU nor wasm SIMD. */
  | 'no-simd'
  /** It would run, but the CPU would take long over each word. */
  | 'slow'
  /** It runs, but the browser stores nothing, or says that it has no room for it. */
  | 'storage'
  /** Its size is not known. */
  | 'unknown-size'
  /** The hash of a file is not known, so that what comes cannot be checked: it may be loaded, but is not recommended. */
  | 'unchecked';

/** A reason with its figures, in bytes. */
export interface FitReason {
  code: FitReasonCode;
  message: string;
  details: Record<string, number | string>;
}

/** How a model would do on a device. */
export interface ModelFit {
  model: ListedModel;
  /** `maybe`: it depends on what the browser does not tell. */
  fits: 'yes' | 'maybe' | 'no';
  /** On what it would run. */
  backend: 'webgpu' | 'cpu';
  /** Tokens of context that fit, for `contextLength`; 0 where it does not fit. */
  contextLength: number;
  /** Bytes to download, as far as they are known. */
  downloadBytes: number | undefined;
  /** Bytes that it would take with that context. */
  memoryBytes: number | undefined;
  /** Why it does not fit, or what is to be known. */
  reasons: FitReason[];
}

/** What `models.recommend()` says. */
export interface Recommendation {
  device: DeviceProbe;
  /** The best of those that fit for sure and whose files can be checked, if there is one. */
  best: ModelFit | undefined;
  /** All models, in the order in which they are listed. */
  models: ModelFit[];
}

/** What the caller wants of the models. */
export interface RecommendOptions {
  /** Tokens of context that must fit at least; 2048 by default. */
  contextLength?: number;
  /** The language in which it shall answer, as BCP 47 writes it; only models that know it are recommended. */
  language?: string;
}

const MB = 1 << 20;
const GB = 1 << 30;
/** Activations, tokenizer, pipelines. */
const SCRATCH = 160 * MB;
/** The weights of the usual formats, repacked, per byte of the file. */
const GROWTH = { webgpu: 1.02, cpu: 1.25 };
/** Of a model whose layers nobody has told us of. */
const USUAL_KV = 64 << 10;
const LEAST_CONTEXT = 2048;
/** A longer one is to be asked for by name: its memory would mostly lie idle. */
const MOST_CONTEXT = 32_768;
/** What one core reads in a second, about: a token needs all of the weights. */
const CPU_BYTES_PER_SECOND = 4e9;
/** Fewer tokens per second are no pleasure to wait for. */
const LEAST_SPEED = 5;

/** Says which of the models fit. It asks nobody: the device has been probed already. */
export function recommendFor(models: Iterable<ListedModel>, device: DeviceProbe, options: RecommendOptions = {}): Recommendation {
  const fits = [...models].map((model) => fitOf(model, device, options.contextLength ?? LEAST_CONTEXT));
  const able = fits.filter(({ fits, model }) => fits === 'yes' && isChecked(model) && (!options.language || model.languages.includes(options.language)));
  // The larger one answers better; but whoever has no GPU waits for each byte of it at each word.
  const best = able.reduce<ModelFit | undefined>((best, fit) => ((best?.downloadBytes ?? 0) >= (fit.downloadBytes ?? 0) ? best : fit), undefined);
  return { device, best, models: fits };
}

function fitOf(model: ListedModel, device: DeviceProbe, least: number): ModelFit {
  const backend = device.gpu.kind === 'hardware' ? 'webgpu' : 'cpu';
  const bytes = bytesOf(model);
  const fit: ModelFit = { model, fits: 'yes', backend, contextLength: 0, downloadBytes: bytes, memoryBytes: undefined, reasons: [] };
  const say = (fits: 'yes' | 'maybe' | 'no', code: FitReasonCode, message: string, details: FitReason['details'] = {}) => {
    if (fits === 'no' || fit.fits === 'yes') fit.fits = fits;
    fit.reasons.push({ code, message, details });
  };

  if (backend === 'cpu' && !device.simd) say('no', 'no-simd', 'This browser can neither use the GPU nor run wasm SIMD.');
  if (backend === 'cpu' && model.tier === 'gpu') {
    const text = device.gpu.kind === 'software' ? 'It needs a GPU, but this browser only emulates one in software.' : 'It needs a GPU, but this browser offers none.';
    say('no', 'no-gpu', text);
  }
  if (!isChecked(model)) {
    fit.reasons.push({ code: 'unchecked', message: 'It is not recommended: its download cannot be checked, since no SHA-256 is listed.', details: {} });
  }
  const { largestTensor = 0, kvPerToken } = model.memory;
  const most = device.gpu.maxBufferSize ?? Infinity;
  if (backend === 'webgpu' && largestTensor > most) {
    say('no', 'gpu-limit', 'One of its tensors is larger than this GPU’s largest buffer.', { need: largestTensor, have: most });
  }
  if (bytes === undefined) {
    say('maybe', 'unknown-size', 'Its size is unknown until its header is downloaded.');
    fit.contextLength = least;
    return fit;
  }

  const weights = bytes * GROWTH[backend] + SCRATCH;
  const perToken = kvPerToken ?? USUAL_KV;
  const context = Math.min(least, model.context ?? Infinity);
  const need = weights + context * perToken;
  const { sure, possible } = budget(device, backend);
  const details = { need: Math.round(need), sure: Math.round(sure), possible: Math.round(possible) };
  if (need > possible) say('no', 'memory', 'It needs more memory than this device gives to a page.', details);
  else if (need > sure) say('maybe', 'memory', 'It may need more memory than this device gives to a page.', details);
  if (fit.fits !== 'no') {
    const room = Math.max(need, need > sure ? possible : sure) - weights;
    const longest = Math.min(model.context ?? MOST_CONTEXT, MOST_CONTEXT, Math.floor(room / perToken));
    fit.contextLength = Math.max(context, longest - (longest % 256));
    fit.memoryBytes = Math.round(weights + fit.contextLength * perToken);
  }
  if (backend === 'cpu' && fit.fits !== 'no') {
    const speed = (CPU_BYTES_PER_SECOND * Math.min(device.threads, 4)) / bytes;
    if (speed < LEAST_SPEED) say('maybe', 'slow', 'Without a GPU it would be slow.', { tokensPerSecond: Math.round(speed * 10) / 10 });
  }
  const { storage } = device;
  if (fit.fits !== 'no' && !storage) {
    const message = 'It would be downloaded on each visit: this browser stores nothing for this page.';
    fit.reasons.push({ code: 'storage', message, details: { need: bytes } });
  } else if (fit.fits !== 'no' && storage?.free !== undefined && storage.free < bytes) {
    // What the browser says of its room is a guess.
    const message = 'There may be no room to store it; then it would be downloaded on each visit.';
    fit.reasons.push({ code: 'storage', message, details: { need: bytes, free: storage.free } });
  }
  return fit;
}

/** Whether it is known of all files what they are: else its publisher may put others in their place. */
function isChecked({ files }: ListedModel): boolean {
  return files.every(({ sha256 }) => sha256 !== null);
}

/** Bytes that a page may take: what is taken to be safe, and what may turn out well. */
function budget(device: DeviceProbe, backend: 'webgpu' | 'cpu'): { sure: number; possible: number } {
  const { memory, mobile } = device;
  // Phones kill a tab that takes too much, without an error; those that tell no memory are iPhones, mostly.
  const phone = memory === undefined ? { sure: 0.7 * GB, possible: 1.4 * GB } : { sure: memory / 4, possible: memory / 2 };
  // Browsers round the memory down, and some never say more than 8 GB: above that it is a lower bound.
  const told = memory ?? 8 * GB;
  const desktop = { sure: told / 2, possible: told >= 8 * GB ? 4 * told : told };
  const { sure, possible } = mobile ? phone : desktop;
  const limit = backend === 'cpu' ? device.wasmMemory : Infinity;
  return { sure: Math.min(sure, limit), possible: Math.min(possible, limit) };
}
