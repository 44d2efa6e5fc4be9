import { models, type ModelSource } from 'linnet';
import { isWithin, type Query } from '../page/query.ts';

// The settings for answers. The person's settings are kept in this browser; the page's address can override them for
// one visit.

/** The settings for answers. */
export interface AnswerSettings {
  /** The system prompt. */
  system: string;
  /** Sampling temperature; 0 always gives the same answer. */
  temperature: number;
  topP: number;
  repetitionPenalty: number;
  /** The most tokens of an answer: a small model may not stop by itself. */
  maxTokens: number;
  /** Whether the model reasons before it answers, where it can be switched. */
  thinking: boolean;
  /** Whether the model may call the tools. */
  clock: boolean;
  calculator: boolean;
}

/** The defaults for unknown models; the penalty keeps a small one from repeating itself. */
const USUAL: AnswerSettings = {
  system: '',
  temperature: 0.2,
  topP: 0.9,
  repetitionPenalty: 1.1,
  maxTokens: 1024,
  thinking: true,
  clock: false,
  calculator: false,
};

/** The valid numbers; the fields of the dialog in `index.html` have the same. */
const RANGES = {
  temperature: { min: 0, max: 2 },
  topP: { min: 0.05, max: 1 },
  repetitionPenalty: { min: 1, max: 2 },
  maxTokens: { min: 1, max: 100_000, integer: true },
};

const KEY = 'linnet-manner';

/**
 * The default settings for a model, as its makers recommend.
 *
 * @param info what is known of the model once it is loaded. `tools`: whether its chat template describes tools; other
 *   models rarely call them well, and read more slowly
 */
export function usualFor(model: ModelSource, info?: { thinks: boolean; tools: boolean }): AnswerSettings {
  const { sampling, template } = (typeof model === 'string' ? models.get(model) : undefined) ?? {};
  const { tools = false, thinks = template?.thinks ?? USUAL.thinking } = info ?? {};
  const usual = { ...USUAL, thinking: thinks, clock: tools, calculator: tools };
  return sampling ? { ...usual, temperature: sampling.temperature, topP: sampling.top_p ?? USUAL.topP } : usual;
}

/** The settings that differ from the defaults. */
export function setBy(answerSettings: AnswerSettings, usual: AnswerSettings): Partial<AnswerSettings> {
  return Object.fromEntries(
    Object.entries(answerSettings).filter(([name, value]) => value !== usual[name as keyof AnswerSettings]),
  );
}

/** The stored settings, overridden by `?temperature=T&max=N` of the address. */
export function answerSettingsFrom(query: Query): Partial<AnswerSettings> {
  const answerSettings = kept();
  const temperature = query.number('temperature', RANGES.temperature);
  if (temperature !== undefined) answerSettings.temperature = temperature;
  const most = query.number('max', RANGES.maxTokens);
  if (most !== undefined) answerSettings.maxTokens = most;
  return answerSettings;
}

/** Stores the settings, if the browser allows it. */
export function keep(answerSettings: Partial<AnswerSettings>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(answerSettings));
  } catch {
    // They last for this visit.
  }
}

/** Stores the choice about reasoning, without what the address overrides. */
export function keepThinking(thinking: boolean): void {
  keep({ ...kept(), thinking });
}

/** Reads only valid values, since an older page or another page of this site may have written them. */
function kept(): Partial<AnswerSettings> {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
    return Object.fromEntries(
      Object.keys(USUAL)
        .filter((name) => isUsable(name, found[name]))
        .map((name) => [name, found[name]]),
    ) as Partial<AnswerSettings>;
  } catch {
    return {};
  }
}

function isUsable(name: string, value: unknown): boolean {
  const usual = USUAL[name as keyof AnswerSettings];
  if (typeof usual !== 'number') return typeof value === typeof usual;
  return typeof value === 'number' && isWithin(value, RANGES[name as keyof typeof RANGES]);
}
