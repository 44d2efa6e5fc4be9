import { plainName } from 'linnet/markdown';
import { whole } from './format.ts';

// Reads the options in the page's address (`?backend=cpu&threads=2`), which may come from anybody's link.

/** A range of valid numbers, and whether they must be whole. */
export interface NumberRange {
  min: number;
  max: number;
  integer?: boolean;
}

/** Reads options. Invalid values are ignored and listed in {@link Query.ignored}. */
export class Query {
  readonly #query: URLSearchParams;
  readonly #ignored: string[] = [];

  constructor(search: string) {
    this.#query = new URLSearchParams(search);
  }

  /** A sentence for each ignored value. */
  get ignored(): readonly string[] {
    return this.#ignored;
  }

  /** Reads one of a few words. */
  choice<T extends string>(name: string, allowed: readonly T[]): T | undefined {
    const value = this.#query.get(name);
    if (value === null) return undefined;
    const found = allowed.find((word) => word === value);
    if (found === undefined)
      this.#ignore(name, value, `it can be ${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`);
    return found;
  }

  number(name: string, range: NumberRange): number | undefined {
    const text = this.#query.get(name);
    if (text === null) return undefined;
    const value = text.trim() === '' ? NaN : Number(text);
    if (isWithin(value, range)) return value;
    const { min, max, integer } = range;
    const kind = integer ? 'a whole number' : 'a number';
    this.#ignore(
      name,
      text,
      max === Infinity
        ? `it must be ${kind}, ${whole(min)} or more`
        : `it must be ${kind} from ${whole(min)} to ${whole(max)}`,
    );
    return undefined;
  }

  /** @param wrong describes what is wrong with a value; `undefined` if it is valid */
  text(name: string, wrong: (value: string) => string | undefined): string | undefined {
    const value = this.#query.get(name);
    if (value === null) return undefined;
    const why = wrong(value);
    if (why === undefined) return value;
    this.#ignore(name, value, why);
    return undefined;
  }

  #ignore(name: string, value: string, why: string): void {
    this.#ignored.push(`“${name}=${plainName(value)}” in the address of this page is ignored: ${why}.`);
  }
}

export function isWithin(value: number, { min, max, integer }: NumberRange): boolean {
  return value >= min && value <= max && (!integer || Number.isSafeInteger(value));
}
