import { SAMPLING_DEFAULTS } from '../protocol/generated.ts';
import { notSupported } from './exceptions.ts';

/** A sampling mode. */
export interface Sampling {
  temperature: number;
  topK: number;
  /** `null` if the page gave numbers instead. */
  mode: SamplingMode | null;
}

/** Named sampling modes, from the most likely token only to the most varied. */
export type SamplingMode = keyof typeof MODES;

const MODES = {
  'most-predictable': { temperature: 0, topK: 1 },
  predictable: { temperature: 0.2, topK: 20 },
  'slightly-predictable': { temperature: 0.5, topK: 40 },
  balanced: { temperature: SAMPLING_DEFAULTS.temperature, topK: SAMPLING_DEFAULTS.top_k },
  'slightly-creative': { temperature: 1, topK: 60 },
  creative: { temperature: 1.2, topK: 80 },
  'most-creative': { temperature: 1.5, topK: 128 },
};

export const SAMPLING_MODES = Object.keys(MODES) as SamplingMode[];

/** The result of `LanguageModel.params()`. */
export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

export const PARAMS: LanguageModelParams = {
  defaultTopK: SAMPLING_DEFAULTS.top_k,
  maxTopK: 128,
  defaultTemperature: SAMPLING_DEFAULTS.temperature,
  maxTemperature: 2,
};

/** The sampling options of a session. */
export interface SamplingOptions {
  temperature: number | undefined;
  topK: number | undefined;
  samplingMode: SamplingMode | undefined;
}

/**
 * Reads the options of a session. What is above the greatest value is that value.
 *
 * @throws RangeError for a temperature below 0 and a `topK` below 1
 * @throws DOMException `NotSupportedError` for one of the two numbers without the other
 */
export function readSampling({ temperature, topK, samplingMode }: SamplingOptions): Sampling {
  if (temperature === undefined && topK === undefined) {
    const mode = samplingMode ?? 'balanced';
    return { ...MODES[mode], mode };
  }
  if (temperature !== undefined && temperature < 0) throw new RangeError('temperature must be at least 0.');
  if (topK !== undefined && topK < 1) throw new RangeError('topK must be at least 1.');
  if (temperature === undefined || topK === undefined) throw notSupported('Only one of temperature and topK');
  return {
    temperature: Math.min(temperature, PARAMS.maxTemperature),
    topK: Math.trunc(Math.min(topK, PARAMS.maxTopK)),
    mode: null,
  };
}
