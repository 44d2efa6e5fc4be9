import { LinnetError, thrownMessage } from './errors.ts';
import { cutText } from './text.ts';

// Turns callers' values into plain data before anything else happens. They may be proxies of a framework, have getters
// that throw, or be something that JSON cannot express. The result can be stored and sent.

/** The most values in a field of a request, nested ones included. */
const MOST_VALUES = 500_000;
/**
 * The most characters of all texts in a field: more would be copied several times before the engine could reject them.
 */
export const MOST_CHARACTERS = 8 << 20;
/** The deepest nesting. */
const DEEPEST = 32;

/** How much text a field may contain, and the error for more. */
export interface TextLimit {
  characters: number;
  /** @param found the least number of characters */
  refuse(found: number): LinnetError;
}

/**
 * Copies a value as plain objects, arrays, strings, finite numbers, booleans and null. Strings become well-formed;
 * undefined fields are left out.
 *
 * @param field the value's path in errors
 * @param limit a limit for text with its own error
 * @throws LinnetError `invalid-request`, with `details.field`: the path of an invalid or unreadable value
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
    // As in JSON, -0 becomes 0.
    if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
    if (typeof value !== 'object') throw wrong(at, value, `is ${described(value)}, which is not plain data`);
    if (depth === DEEPEST) throw wrong(field, whole, `is nested more than ${DEEPEST} levels deep`);
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (let index = 0; index < value.length; index++) items.push(copy(value[index], `${at}[${index}]`, depth + 1));
      return items;
    }
    if (described(value) !== 'an object') throw wrong(at, value, `is ${described(value)}, which is not plain data`);
    const entries: [string, unknown][] = [];
    for (const name of Object.keys(value)) {
      path = `${at}.${name}`;
      const held = (value as Record<string, unknown>)[name];
      if (held !== undefined) entries.push([text(name), copy(held, path, depth + 1)]);
    }
    return Object.fromEntries(entries);
  };
  return reading(
    () => path,
    () => copy(whole, field, 0),
  );
}

/**
 * The fields of an object that are neither undefined nor null, which means "unset" in OpenAI's API. The values are not
 * copied.
 *
 * @param what the object's name in errors
 * @throws LinnetError `invalid-request`, with `details.field`
 */
export function setFields(object: unknown, what: string): Record<string, unknown> {
  let path = what;
  return reading(
    () => path,
    () => {
      if (typeof object !== 'object' || object === null || Array.isArray(object))
        throw wrong(what, object, `is ${described(object)}, but must be an object`);
      const entries: [string, unknown][] = [];
      for (const name of Object.keys(object)) {
        path = name;
        const value = (object as Record<string, unknown>)[name];
        if (value !== undefined && value !== null) entries.push([name, value]);
      }
      return Object.fromEntries(entries);
    },
  );
}

/**
 * The error of an invalid field. Its details have the value if it is simple, and else its description.
 */
export function wrong(field: string, value: unknown, rule: string, more: object = {}): LinnetError {
  const simple = ['string', 'number', 'boolean', 'undefined'].includes(typeof value) || value === null;
  const name = field.length > 200 ? `${field.slice(0, 200)}…` : field;
  return new LinnetError('invalid-request', `\`${name}\` ${rule}.`, {
    field,
    value: simple ? short(value) : described(value),
    ...more,
  });
}

/** A value for an error's details, with long texts cut. */
function short(value: unknown): unknown {
  return typeof value === 'string' && value.length > 1000 ? `${cutText(value, 1000)}…` : value;
}

/** The same as {@link described}, but a text is quoted: for a field that takes one of a few words. */
export function named(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(cutText(value, 60)) : described(value);
}

/** Describes a value in a few words. */
export function described(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean' || typeof value === 'number')
    return String(value);
  if (typeof value !== 'object') return typeof value === 'bigint' ? 'a BigInt' : `a ${typeof value}`;
  try {
    if (Array.isArray(value)) return 'an array';
    const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
    return kind === 'Object' ? 'an object' : `an object of the kind ${kind}`;
  } catch {
    return 'an object that cannot be read';
  }
}

/** Reads an untrusted value: anything it throws becomes an error about that field. */
export function reading<T>(path: () => string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LinnetError) throw error;
    throw new LinnetError(
      'invalid-request',
      `\`${path()}\` cannot be read: ${thrownMessage(error, 'it throws a value without a message')}`,
      { field: path() },
    );
  }
}

/** Replaces lone surrogates, which have no UTF-8 encoding, by U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
