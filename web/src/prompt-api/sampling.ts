/** How the next word is chosen. */
export interface Sampling {
  temperature: number;
  topK: number;
  /** `null` where the page gave numbers instead. */
  mode: SamplingMode | null;
}

/** Named ways of choosing, from always the likeliest word to the most varied. */
export type SamplingMode = keyof typeof MODES;

const MODES = {
  'most-predictable': { temperature: 0, topK: 1 },
  predictable: { temperature: 0.2, topK: 20 },
  'slightly-predictable': { temperature: 0.5, topK: 40 },
  balanced: { temperature: 0.8, topK: 40 },
  'slightly-creative': { temperature: 1, topK: 60 },
  creative: { temperature: 1.2, topK: 80 },
  'most-creative': { temperature: 1.5, topK: 128 },
};

/** What `LanguageModel.params()` gives. */
export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

export const PARAMS: LanguageModelParams = { defaultTopK: 40, maxTopK: 128, defaultTemperature: 0.8, maxTemperature: 2 };

/**
 * Reads the options of a session. What is above the greatest value is that value.
 *
 * @throws RangeError for a temperature below 0 and a `topK` below 1
 * @throws TypeError for an unknown mode, for a mode together with numbers, and for what is no number
 */
export function readSampling(options: { temperature?: number; topK?: number; samplingMode?: SamplingMode }): Sampling {
  const { temperature, topK, samplingMode } = options;
  if (temperature === undefined && topK === undefined) {
    const mode = samplingMode ?? 'balanced';
    if (!Object.hasOwn(MODES, mode)) throw new TypeError(`There is no sampling mode "${String(mode)}".`);
    return { ...MODES[mode], mode };
  }
  if (samplingMode !== undefined) throw new TypeError('Either samplingMode is given, or temperature and topK.');
  return {
    temperature: Math.min(number('temperature', temperature ?? PARAMS.defaultTemperature, 0), PARAMS.maxTemperature),
    topK: Math.trunc(Math.min(number('topK', topK ?? PARAMS.defaultTopK, 1), PARAMS.maxTopK)),
    mode: null,
  };
}

function number(name: string, value: number, least: number): number {
  const read = Number(value);
  if (Number.isNaN(read)) throw new TypeError(`${name} is no number.`);
  if (read < least) throw new RangeError(`${name} must be at least ${least}.`);
  return read;
}
