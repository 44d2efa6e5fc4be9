/** Web IDL's conversions: what a browser does with arguments before a method of an interface sees them. */

/** The members of a dictionary. `undefined` and `null` give an empty one. */
export function dictionary(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new TypeError(`${what} must be an object.`);
  return value as Record<string, unknown>;
}

/** The elements of a list, of any iterable object; `undefined` for a value that is not iterable. */
export function elementsOf(value: unknown): unknown[] | undefined {
  if (!isObject(value)) return undefined;
  const method: unknown = Reflect.get(value, Symbol.iterator);
  if (method === undefined || method === null) return undefined;
  if (typeof method !== 'function') throw new TypeError('Symbol.iterator must be a function.');
  return Array.from({ [Symbol.iterator]: () => method.call(value) as Iterator<unknown> });
}

/** A sequence. */
export function sequence<T>(value: unknown, what: string, convert: (element: unknown) => T): T[] {
  const elements = elementsOf(value);
  if (!elements) throw new TypeError(`${what} must be a list.`);
  return elements.map(convert);
}

/** A string, of any value but a symbol. Half of a surrogate pair becomes U+FFFD: no tokenizer can read it. */
export function string(value: unknown): string {
  // A template literal throws for symbols, and String() does not. With the flag u, surrogate pairs do not match.
  return `${value as string}`.replace(/[\ud800-\udfff]/gu, '\ufffd');
}

/** One of an enumeration's values. */
export function enumeration<T extends string>(value: unknown, what: string, allowed: readonly T[]): T {
  const text = string(value);
  const found = allowed.find((name) => name === text);
  if (found === undefined)
    throw new TypeError(`${what} "${text}" is unknown: use ${allowed.map((name) => `"${name}"`).join(', ')}.`);
  return found;
}

/** A number, infinite ones included. */
export function double(value: unknown, what: string): number {
  // Unary plus throws for a BigInt, as Web IDL does; Number() does not.
  const number = +(value as number);
  if (Number.isNaN(number)) throw new TypeError(`${what} must be a number.`);
  return number;
}

/** A required member of a dictionary. */
export function required(members: Record<string, unknown>, name: string, what: string): unknown {
  const value = members[name];
  if (value === undefined) throw new TypeError(`${what} must have the member "${name}".`);
  return value;
}

/** A signal, or `undefined` where none is given. */
export function abortSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined) return undefined;
  // The getter accepts any signal, including one of another frame, for which `instanceof` is false.
  const aborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')!.get!;
  try {
    aborted.call(value);
  } catch {
    throw new TypeError('signal must be an AbortSignal.');
  }
  return value as AbortSignal;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' ? value !== null : typeof value === 'function';
}

/** Makes members of a class enumerable and gives it its name, as the interfaces of a browser have it. */
export function asInterface(made: { prototype: object }, name: string, statics: readonly string[] = []): void {
  const show = (object: object, member: string) => {
    const property = Object.getOwnPropertyDescriptor(object, member);
    if (property?.configurable) Object.defineProperty(object, member, { ...property, enumerable: true });
  };
  for (const member of Object.getOwnPropertyNames(made.prototype))
    if (member !== 'constructor') show(made.prototype, member);
  for (const member of statics) show(made, member);
  Object.defineProperty(made.prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(made, 'name', { value: name, configurable: true });
}
