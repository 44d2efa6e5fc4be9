import { models, type ModelSource } from 'linnet';

// How the model is to answer. What a person has set is kept in this browser; the page's address may say otherwise for one visit.

/** What a person can set. */
export interface Manner {
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
const USUAL: Manner = { system: '', temperature: 0.2, topP: 0.9, repetitionPenalty: 1.1, maxTokens: 1024 };

const KEY = 'linnet-manner';

/** How a model is asked to answer where nobody has set anything: as its makers recommend. */
export function usualFor(model: ModelSource): Manner {
  const sampling = typeof model === 'string' ? models.get(model)?.sampling : undefined;
  return sampling ? { ...USUAL, temperature: sampling.temperature, topP: sampling.top_p ?? USUAL.topP } : USUAL;
}

/** What a person has set: what is not as usual. */
export function setBy(manner: Manner, usual: Manner): Partial<Manner> {
  return Object.fromEntries(Object.entries(manner).filter(([name, value]) => value !== usual[name as keyof Manner]));
}

/** What was set and kept, and `?temperature=T&max=N` of the address. */
export function mannerFrom(search: string): Partial<Manner> {
  const query = new URLSearchParams(search);
  const manner = kept();
  const temperature = query.get('temperature');
  if (temperature !== null) manner.temperature = Number(temperature);
  const most = query.get('max');
  if (most !== null) manner.maxTokens = Number(most);
  return manner;
}

/** Keeps it, where the browser does. */
export function keep(manner: Partial<Manner>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(manner));
  } catch {
    // It holds for this visit.
  }
}

/** Only what has the right type: an older page, or another one of this site, may have written it. */
function kept(): Partial<Manner> {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
    const fields = Object.entries(USUAL).filter(([name, usual]) => typeof found[name] === typeof usual);
    return Object.fromEntries(fields.map(([name]) => [name, found[name]])) as Partial<Manner>;
  } catch {
    return {};
  }
}
