import type { LinnetError } from '../protocol/errors.ts';
import * as http from './http.ts';

/** One of a file's addresses. */
export interface Place {
  readonly index: number;
  readonly url: string;
}

interface Entry extends Place {
  /** Failures in a row. */
  tries: number;
  /** When it may be tried again, in the time of `performance.now()`. */
  from: number;
  failure?: LinnetError;
}

/**
 * Decides which of several addresses to try next. One that failed and may recover is tried again after a pause; the
 * others come first, so that nobody waits while one of them works.
 */
export class PlaceQueue {
  readonly #all: readonly Entry[];
  readonly #waiting: Set<Entry>;
  /** An address that sent something before it failed: it is asked for the rest first. */
  #working: Entry | undefined;

  /** @param delays milliseconds to wait after each failure of a place, unless its server asks for more */
  constructor(
    places: readonly Place[],
    readonly delays: readonly number[],
    readonly signal: AbortSignal,
  ) {
    this.#all = places.map(({ index, url }) => ({ index, url, tries: 0, from: 0 }));
    this.#waiting = new Set(this.#all);
  }

  /**
   * The address to try now; `undefined` if all were given up. Waits until it may be tried.
   *
   * @throws LinnetError `aborted`
   */
  async next(): Promise<Place | undefined> {
    let first = this.#working;
    if (!first) for (const entry of this.#waiting) if (!first || entry.from < first.from) first = entry;
    if (!first) return undefined;
    const wait = first.from - performance.now();
    if (wait > 0) await http.pause(wait, this.signal);
    return first;
  }

  /**
   * Schedules another try of a failed address, or gives it up.
   *
   * @param gave whether bytes arrived before it failed: `much` makes up for its earlier failures
   */
  failed(place: Place, failure: LinnetError, gave: 'nothing' | 'little' | 'much' = 'nothing'): void {
    const entry = this.#all.find(({ index }) => index === place.index)!;
    entry.failure = failure;
    if (gave === 'much') entry.tries = 0;
    const delay = failure.code === 'network' || http.isPassing(failure) ? this.delays[entry.tries++] : undefined;
    const wait = delay === undefined ? undefined : http.pauseAfter(failure, delay);
    this.#working = wait !== undefined && gave !== 'nothing' ? entry : undefined;
    if (wait === undefined) this.#waiting.delete(entry);
    else entry.from = performance.now() + wait;
  }

  /** Addresses that may still work. */
  get hopeful(): readonly Place[] {
    return [...this.#waiting];
  }

  /** The last failure of each failed address, in order. */
  get failures(): readonly (Place & { failure: LinnetError })[] {
    return this.#all.flatMap(({ index, url, failure }) => (failure ? [{ index, url, failure }] : []));
  }
}
