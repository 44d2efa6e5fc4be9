import type { DeviceProbe } from '../page/device-probe.ts';
import { bytesOf, type ListedModel } from './entry.ts';

// Estimates which models fit a device before anything is downloaded. Browsers do not tell how much memory a GPU has, or
// how much a tab may use before it is killed. So there are two budgets: one that is considered safe, and one that may
// work.

/** Why a model does not fit, or a warning about it. */
export type FitReasonCode =
  /** It needs more memory than the device may have. */
  | 'memory'
  /** It needs a GPU, and there is none, or only one emulated in software. */
  | 'no-gpu'
  /** A tensor is larger than the GPU's largest buffer. */
  | 'gpu-limit'
  /** There is neither a GPU nor wasm SIMD. */
  | 'no-simd'
  /** It would run, but slowly on the CPU. */
  | 'slow'
  /** It runs, but the browser stores nothing, or reports too little space. */
  | 'storage'
  /** Its size is not known. */
  | 'unknown-size'
  /** A file's hash is unknown, so the download cannot be verified: it can be loaded, but is not recommended. */
  | 'unchecked';

/** A reason, with its figures in bytes. */
export interface FitReason {
  code: FitReasonCode;
  message: string;
  details: Record<string, number | string>;
}

/** How well a model fits a device. */
export interface ModelFit {
  model: ListedModel;
  /** `maybe`: it depends on facts that the browser does not tell. */
  fits: 'yes' | 'maybe' | 'no';
  /** The backend that it would run on. */
  backend: 'webgpu' | 'cpu';
  /** The context length that fits, in tokens, for `LoadOptions.contextLength`; 0 if the model does not fit. */
  contextLength: number;
  /** Bytes to download, if known. */
  downloadBytes: number | undefined;
  /** Bytes of memory that it would need with that context. */
  memoryBytes: number | undefined;
  /** Why it does not fit, and warnings. */
  reasons: FitReason[];
}

/** The result of `models.recommend()`. */
export interface Recommendation {
  device: DeviceProbe;
  /** The best model that surely fits and can be verified, if there is one. */
  best: ModelFit | undefined;
  /** All models, in the order of the list. */
  models: ModelFit[];
}

/** Requirements for a recommendation. */
export interface RecommendOptions {
  /** The shortest acceptable context, in tokens; 2048 by default. */
  contextLength?: number;
  /** The language of the answers, as a BCP 47 tag; only models that support it are recommended. */
  language?: string;
}

const MB = 1 << 20;
const GB = 1 << 30;
/** Activations, tokenizer, pipelines. */
const SCRATCH = 160 * MB;
/** Bytes of repacked weights per byte of the file, for the usual formats. */
const GROWTH = { webgpu: 1.02, cpu: 1.25 };
/** For models whose KV size is not listed. */
const USUAL_KV = 64 << 10;
const LEAST_CONTEXT = 2048;
/** Longer contexts must be requested explicitly, since most of their memory would stay unused. */
const MOST_CONTEXT = 32_768;
/** Bytes that one core reads per second, roughly. Each token reads all weights. */
const CPU_BYTES_PER_SECOND = 4e9;
/** Fewer tokens per second count as slow. */
const LEAST_SPEED = 5;

/** Tells which models fit a device that was probed before. */
export function recommendFor(
  models: Iterable<ListedModel>,
  device: DeviceProbe,
  options: RecommendOptions = {},
): Recommendation {
  const fits = [...models].map((model) => fitOf(model, device, options.contextLength ?? LEAST_CONTEXT));
  const able = fits.filter(
    ({ fits, model }) =>
      fits === 'yes' && isChecked(model) && (!options.language || model.languages.includes(options.language)),
  );
  // The larger model answers better, but on a CPU each of its bytes costs time at each token.
  const best = able.reduce<ModelFit | undefined>(
    (best, fit) => ((best?.downloadBytes ?? 0) >= (fit.downloadBytes ?? 0) ? best : fit),
    undefined,
  );
  return { device, best, models: fits };
}

function fitOf(model: ListedModel, device: DeviceProbe, least: number): ModelFit {
  const backend = device.gpu.kind === 'hardware' ? 'webgpu' : 'cpu';
  const bytes = bytesOf(model);
  const fit: ModelFit = {
    model,
    fits: 'yes',
    backend,
    contextLength: 0,
    downloadBytes: bytes,
    memoryBytes: undefined,
    reasons: [],
  };
  const say = (
    fits: 'yes' | 'maybe' | 'no',
    code: FitReasonCode,
    message: string,
    details: FitReason['details'] = {},
  ) => {
    if (fits === 'no' || fit.fits === 'yes') fit.fits = fits;
    fit.reasons.push({ code, message, details });
  };

  if (backend === 'cpu' && !device.simd)
    say('no', 'no-simd', 'This browser can neither use the GPU nor run wasm SIMD.');
  if (backend === 'cpu' && model.tier === 'gpu') {
    const text =
      device.gpu.kind === 'software'
        ? 'It needs a GPU, but this browser only emulates one in software.'
        : 'It needs a GPU, but this browser offers none.';
    say('no', 'no-gpu', text);
  }
  if (!isChecked(model)) {
    fit.reasons.push({
      code: 'unchecked',
      message: 'It is not recommended: its download cannot be checked, since no SHA-256 is listed.',
      details: {},
    });
  }
  const { largestTensor = 0, kvPerToken } = model.memory;
  const most = device.gpu.maxBufferSize ?? Infinity;
  if (backend === 'webgpu' && largestTensor > most) {
    say('no', 'gpu-limit', 'One of its tensors is larger than this GPU’s largest buffer.', {
      need: largestTensor,
      have: most,
    });
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
    if (speed < LEAST_SPEED)
      say('maybe', 'slow', 'Without a GPU it would be slow.', { tokensPerSecond: Math.round(speed * 10) / 10 });
  }
  const { storage } = device;
  if (fit.fits !== 'no' && !storage) {
    const message = 'It would be downloaded on each visit: this browser stores nothing for this page.';
    fit.reasons.push({ code: 'storage', message, details: { need: bytes } });
  } else if (fit.fits !== 'no' && storage?.free !== undefined && storage.free < bytes) {
    // The browser's estimate of the free space is only a guess.
    const message = 'There may be no room to store it; then it would be downloaded on each visit.';
    fit.reasons.push({ code: 'storage', message, details: { need: bytes, free: storage.free } });
  }
  return fit;
}

/** Whether the hashes of all files are known; otherwise the publisher could replace them. */
function isChecked({ files }: ListedModel): boolean {
  return files.every(({ sha256 }) => sha256 !== null);
}

/** Bytes that a page may use: what is considered safe, and what may work. */
function budget(device: DeviceProbe, backend: 'webgpu' | 'cpu'): { sure: number; possible: number } {
  const { memory, mobile } = device;
  // Phones kill a tab that uses too much memory, without an error. Those that do not report their memory are mostly
  // iPhones.
  const phone =
    memory === undefined ? { sure: 0.7 * GB, possible: 1.4 * GB } : { sure: memory / 4, possible: memory / 2 };
  // Browsers round the memory down, and some never report more than 8 GB: that is a lower bound.
  const told = memory ?? 8 * GB;
  const desktop = { sure: told / 2, possible: told >= 8 * GB ? 4 * told : told };
  const { sure, possible } = mobile ? phone : desktop;
  const limit = backend === 'cpu' ? device.wasmMemory : Infinity;
  return { sure: Math.min(sure, limit), possible: Math.min(possible, limit) };
}
