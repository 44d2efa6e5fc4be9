import { models, type ModelSource } from 'linnet';
import { isWithin, type Query } from '../page/query.ts';

// How the model is to answer. What a person has set is kept in this browser; the page's address may say otherwise for one visit.

/** What a person can set. */
export interface AnswerSettings {
  /** What the model is told before each conversation. */
  system: string;
  /** 0 always answers the same. */
  temperature: number;
  topP: number;
  repetitionPenalty: number;
  /** Tokens of an answer at most: a small model may not find its end. */
  maxTokens: number;
}

/** Of a model of which nothing else is known; the penalty keeps a small one from going round in circles. */
const USUAL: AnswerSettings = { system: '', temperature: 0.2, topP: 0.9, repetitionPenalty: 1.1, maxTokens: 1024 };

/** What each number can be; the fields of the dialog in `index.html` say the same. */
const RANGES = {
  temperature: { min: 0, max: 2 },
  topP: { min: 0.05, max: 1 },
  repetitionPenalty: { min: 1, max: 2 },
  maxTokens: { min: 1, max: 100_000, integer: true },
};

const KEY = 'linnet-manner';

/** How a model is asked to answer where nobody has set anything: as its makers recommend. */
export function usualFor(model: ModelSource): AnswerSettings {
  const sampling = typeof model === 'string' ? models.get(model)?.sampling : undefined;
  return sampling ? { ...USUAL, temperature: sampling.temperature, topP: sampling.top_p ?? USUAL.topP } : USUAL;
}

/** What a person has set: what is not as usual. */
export function setBy(answerSettings: AnswerSettings, usual: AnswerSettings): Partial<AnswerSettings> {
  return Object.fromEntries(Object.entries(answerSettings).filter(([name, value]) => value !== usual[name as keyof AnswerSettings]));
}

/** What was set and kept, and `?temperature=T&max=N` of the address. */
export function answerSettingsFrom(query: Query): Partial<AnswerSettings> {
  const answerSettings = kept();
  const temperature = query.number('temperature', RANGES.temperature);
  if (temperature !== undefined) answerSettings.temperature = temperature;
  const most = query.number('max', RANGES.maxTokens);
  if (most !== undefined) answerSettings.maxTokens = most;
  return answerSettings;
}

/** Keeps it, where the browser does. */
export function keep(answerSettings: Partial<AnswerSettings>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(answerSettings));
  } catch {
    // It holds for this visit.
  }
}

/** Only what can be used: an older page, or another one of this site, may have written it. */
function kept(): Partial<AnswerSettings> {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
    return Object.fromEntries(Object.keys(USUAL).filter((name) => isUsable(name, found[name])).map((name) => [name, found[name]])) as Partial<AnswerSettings>;
  } catch {
    return {};
  }
}

function isUsable(name: string, value: unknown): boolean {
  if (name === 'system') return typeof value === 'string';
  return typeof value === 'number' && isWithin(value, RANGES[name as keyof typeof RANGES]);
}
