import type { ChatHost } from './host.ts';
import { models } from '../../index.ts';
import { isModelAddress } from '../../models/sources.ts';
import { serverFault } from './server-address.ts';
import { toolFault } from '../tools/page-tool.ts';
import { ENGLISH } from './strings.ts';
import { isRecord, isText } from './values.ts';

/** The value of `model` for no local model: only the `endpoint` answers. */
export const NO_MODEL = 'none';

const WORDS = {
  mode: ['button', 'inline'],
  backend: ['auto', 'cpu', 'webgpu'],
  'when-hidden': ['go-on', 'pause'],
  pace: ['full', 'gentle', 'auto'],
  theme: ['light', 'dark'],
  thinking: ['on', 'off'],
} as const;
/** More tokens than any current model holds. */
const MOST_TOKENS = 2 ** 24;
const NUMBERS = {
  temperature: { whole: false, least: 0, most: 100 },
  'max-tokens': { whole: true, least: 1, most: MOST_TOKENS },
  // A shorter context cannot hold a question and its answer.
  'context-length': { whole: true, least: 64, most: MOST_TOKENS },
  'model-bytes': { whole: true, least: 1, most: Number.MAX_SAFE_INTEGER },
} as const;
const TEXTS = [
  'open',
  'model',
  'model-base',
  'endpoint',
  'endpoint-model',
  'system',
  'greeting',
  'heading',
  'suggestions',
];
const KNOWN = [...Object.keys(WORDS), ...Object.keys(NUMBERS), ...TEXTS];
/** Properties without an attribute. */
const PROPERTIES = ['context', 'engine', 'strings', 'tools', 'endpointHeaders'];

/** A mistake that the site's owner must correct. */
export interface Mistake {
  /** The problem, and what is allowed. */
  text: string;
  /** Whether it prevents the chat from answering; otherwise the value is ignored. */
  fatal: boolean;
}

/** The value of an attribute with a fixed set of words; `undefined` if it is not one of them. */
export function wordOf<K extends keyof typeof WORDS>(host: ChatHost, name: K): (typeof WORDS)[K][number] | undefined {
  const value = host.getAttribute(name);
  return WORDS[name].find((word) => word === value);
}

/** The value of a numeric attribute; `undefined` if it is not a valid number. */
export function numberOf(host: ChatHost, name: keyof typeof NUMBERS): number | undefined {
  const { whole, least } = NUMBERS[name];
  const most = mostOf(host, name);
  const text = host.getAttribute(name)?.trim();
  const value = Number(text || NaN);
  return Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isSafeInteger(value))
    ? value
    : undefined;
}

/** The largest valid number of an attribute. */
function mostOf(host: ChatHost, name: keyof typeof NUMBERS): number {
  const { most } = NUMBERS[name];
  const trained = name === 'context-length' ? models.get(host.model?.trim() ?? models.all[0]!.id)?.context : undefined;
  return Math.min(most, trained ?? most);
}

/** Finds mistakes in the element's attributes and properties. */
export function mistakesIn(host: ChatHost): Mistake[] {
  return [
    ...wrongNames(host),
    ...wrongValues(host),
    ...wrongProperties(host),
    ...wrongAnswerers(host),
    ...wrongBase(host),
  ];
}

/** A name without the differences of common misspellings. */
function plain(name: string): string {
  return name.replace(/[-_]/g, '').toLowerCase();
}

function* wrongNames(host: ChatHost): Generator<Mistake> {
  for (const name of host.getAttributeNames().filter((name) => !KNOWN.includes(name))) {
    const meant = KNOWN.find((known) => plain(known) === plain(name));
    const property = PROPERTIES.find((property) => plain(property) === plain(name));
    if (meant) yield { text: `unknown attribute ${name}: use ${meant}.`, fatal: false };
    if (property) yield { text: `unknown attribute ${name}: set the property ${property}.`, fatal: false };
  }
}

function* wrongValues(host: ChatHost): Generator<Mistake> {
  const wrong = (name: string, allowed: string) =>
    `the attribute ${name}=${quoted(host.getAttribute(name))} is not valid: use ${allowed}.`;
  for (const name of Object.keys(WORDS) as (keyof typeof WORDS)[]) {
    // On another backend than intended, the model may not work as the site wants.
    if (host.hasAttribute(name) && wordOf(host, name) === undefined)
      yield { text: wrong(name, listed(WORDS[name])), fatal: name === 'backend' };
  }
  for (const name of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) {
    const { whole, least } = NUMBERS[name];
    const most = mostOf(host, name);
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
    if (host.hasAttribute(name) && numberOf(host, name) === undefined)
      yield { text: wrong(name, `a${whole ? ' whole' : ''} number ${range}`), fatal: false };
  }
}

function* wrongProperties({ suggestions, context, strings, tools, endpointHeaders }: ChatHost): Generator<Mistake> {
  const wrong = (name: string, allowed: string): Mistake => ({
    text: `the property ${name} is not valid: it must be ${allowed}.`,
    fatal: false,
  });
  if (suggestions !== undefined && !(Array.isArray(suggestions) && suggestions.every(isText)))
    yield wrong('suggestions', 'an array of strings');
  if (context !== undefined && !isText(context)) yield wrong('context', 'a string');
  if (!isRecord(strings)) yield wrong('strings', 'an object');
  else {
    const { errors, ...texts } = strings;
    for (const [name, text] of Object.entries(texts)) {
      const like = Object.keys(ENGLISH).find((known) => plain(known) === plain(name));
      const known = like ? `use ${like}` : 'the type ChatStrings lists those that there are';
      if (!Object.hasOwn(ENGLISH, name)) yield { text: `unknown property strings.${name}: ${known}.`, fatal: false };
      else if (!isText(text)) yield wrong(`strings.${name}`, 'a string');
    }
    if (errors !== undefined && !(isRecord(errors) && Object.values(errors).every(isText)))
      yield wrong('strings.errors', 'an object of strings whose keys are codes of LinnetError');
  }
  const toolsFault = tools === undefined ? undefined : toolFault(tools);
  if (toolsFault)
    yield { text: `the property tools is not valid: ${toolsFault}. The chat uses no tools.`, fatal: false };
  if (endpointHeaders !== undefined && !areHeaders(endpointHeaders))
    yield wrong('endpointHeaders', 'an object of header names and their values');
}

function* wrongAnswerers(host: ChatHost): Generator<Mistake> {
  const { engine, endpoint } = host;
  const model = host.model?.trim();
  if (
    engine !== undefined &&
    !(isRecord(engine) && typeof engine.info === 'function' && typeof engine.chat?.completions?.create === 'function')
  ) {
    yield { text: 'the property engine is not valid: set it to the result of await Linnet.load().', fatal: true };
  }
  const fault = endpoint === null ? undefined : serverFault(endpoint, document.baseURI);
  if (fault) yield { text: `the attribute endpoint=${quoted(endpoint)} is not valid: ${fault}.`, fatal: false };
  if (engine) return;
  if (model === NO_MODEL) {
    if (endpoint === null || fault)
      yield { text: `model="${NO_MODEL}" requires an endpoint that answers instead.`, fatal: true };
  } else if (
    model !== undefined &&
    !models.get(model) &&
    !(/[/.:]/.test(model) && isModelAddress(model, document.baseURI))
  ) {
    const allowed = `an address, "${NO_MODEL}", or ${listed(models.all.map(({ id }) => id))}`;
    yield {
      text: `the attribute model=${quoted(model)} is not valid: use ${allowed}.`,
      fatal: true,
    };
  }
}

function* wrongBase(host: ChatHost): Generator<Mistake> {
  const base = host.getAttribute('model-base');
  if (base === null || host.engine || isModelAddress(base, document.baseURI)) return;
  // The site wants the model from this place only.
  yield { text: `the attribute model-base=${quoted(base)} is not valid: use the address of a folder.`, fatal: true };
}

export function areHeaders(headers: unknown): headers is Record<string, string> {
  try {
    return isRecord(headers) && Boolean(new Headers(headers as Record<string, string>));
  } catch {
    return false;
  }
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

function quoted(value: string | null): string {
  return JSON.stringify(value ?? '');
}

/** Messages that were already written to the console. */
const told = new Set<string>();

/** Reports a mistake to the site's owner, once, in the console. */
export function tellOwner({ text, fatal }: Mistake): void {
  const message = `<linnet-chat>: ${text}${fatal ? ' The chat is not available.' : ''}`;
  if (told.has(message)) return;
  told.add(message);
  if (fatal) console.error(message);
  else console.warn(message);
}
