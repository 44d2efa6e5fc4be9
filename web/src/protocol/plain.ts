import { LinnetError } from './errors.ts';
import { cutText } from './text.ts';

// Values of callers, made plain before anything else is done with them. A page's data may be proxies of a framework, may have getters
// that throw, or may be what JSON has no word for; afterwards it is data, which can be written, sent and read again.

/** The most values that a field of a request holds, those within others included. */
const MOST_VALUES = 500_000;
/** The most characters of a field's texts together: more would be copied several times before the engine could refuse them. */
export const MOST_CHARACTERS = 8 << 20;
/** The most values within one another. */
const DEEPEST = 32;

/** How much text a field may hold, and the error for more. */
export interface TextLimit {
  characters: number;
  /** @param found how many there are at least */
  refuse(found: number): LinnetError;
}

/**
 * A copy of a value that is nothing but objects, arrays, strings, finite numbers, booleans and null. Strings become well-formed; fields
 * that are undefined are left out.
 *
 * @param field where it is, as errors name it
 * @param limit where much text has an error of its own
 * @throws LinnetError `invalid-request`, with `details.field`: the path of what is something else, or cannot be read
 */
export function plain(whole: unknown, field: string, limit?: TextLimit): unknown {
  let path = field;
  let left = MOST_VALUES;
  let characters = 0;
  const most = limit?.characters ?? MOST_CHARACTERS;
  const text = (value: string): string => {
    characters += value.length;
    if (characters > most) throw limit?.refuse(characters) ?? wrong(field, whole, `has more than ${most} characters`);
    return wellFormed(value);
  };
  const copy = (value: unknown, at: string, depth: number): unknown => {
    path = at;
    if (--left < 0) throw wrong(field, whole, `has more than ${MOST_VALUES} values`);
    if (typeof value === 'string') return text(value);
    if (value === null || typeof value === 'boolean') return value;
    // As JSON has it, -0 is 0.
    if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
    if (typeof value !== 'object') throw wrong(at, value, `is ${described(value)}, which is no data`);
    if (depth === DEEPEST) throw wrong(field, whole, `is nested more than ${DEEPEST} levels deep`);
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (let index = 0; index < value.length; index++) items.push(copy(value[index], `${at}[${index}]`, depth + 1));
      return items;
    }
    if (described(value) !== 'an object') throw wrong(at, value, `is ${described(value)}, which is no data`);
    const entries: [string, unknown][] = [];
    for (const name of Object.keys(value)) {
      path = `${at}.${name}`;
      const held = (value as Record<string, unknown>)[name];
      if (held !== undefined) entries.push([text(name), copy(held, path, depth + 1)]);
    }
    return Object.fromEntries(entries);
  };
  return reading(() => path, () => copy(whole, field, 0));
}

/**
 * The fields of an object that are set: neither undefined nor null, which stands for "unset" in OpenAI's API. Their values are as they
 * were given.
 *
 * @param what the object, as errors name it
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function setFields(object: unknown, what: string): Record<string, unknown> {
  let path = what;
  return reading(() => path, () => {
    if (typeof object !== 'object' || object === null || Array.isArray(object)) throw wrong(what, object, `is ${described(object)}, but must be an object`);
    const entries: [string, unknown][] = [];
    for (const name of Object.keys(object)) {
      path = name;
      const value = (object as Record<string, unknown>)[name];
      if (value !== undefined && value !== null) entries.push([name, value]);
    }
    return Object.fromEntries(entries);
  });
}

/** The error of a field that is not what it may be. Its details hold the value where that is simple, and else what it is. */
export function wrong(field: string, value: unknown, rule: string, more: object = {}): LinnetError {
  const simple = ['string', 'number', 'boolean', 'undefined'].includes(typeof value) || value === null;
  const name = field.length > 200 ? `${field.slice(0, 200)}…` : field;
  return new LinnetError('invalid-request', `\`${name}\` ${rule}.`, { field, value: simple ? short(value) : described(value), ...more });
}

/** A value that an error can hold without holding all of a long text. */
function short(value: unknown): unknown {
  return typeof value === 'string' && value.length > 1000 ? `${cutText(value, 1000)}…` : value;
}

/** The same as {@link described}, but a text is quoted: for a field that takes one of a few words. */
export function named(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(cutText(value, 60)) : described(value);
}

/** What a value is, in a few words. */
export function described(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value !== 'object') return typeof value === 'bigint' ? 'a BigInt' : `a ${typeof value}`;
  try {
    if (Array.isArray(value)) return 'an array';
    const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
    return kind === 'Object' ? 'an object' : `an object of the kind ${kind}`;
  } catch {
    return 'an object that cannot be read';
  }
}

/** Reads what is not ours to trust: whatever it throws becomes the error of the place that was being read. */
function reading<T>(path: () => string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LinnetError) throw error;
    throw new LinnetError('invalid-request', `\`${path()}\` cannot be read: ${saidBy(error)}`, { field: path() });
  }
}

/** What an error says. It may be anything, too. */
function saidBy(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return 'it throws what says nothing';
  }
}

/** The text with U+FFFD in the place of lone halves of surrogate pairs, which UTF-8 has no bytes for. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
