import type { Pace } from '../protocol/messages.ts';

// Rests between the steps of answers, so that a device stays cool and its battery lasts.

/** The share of the time that gentle answers compute. */
export const SHARE = 0.5;
/** A device that has become so many times slower is too hot, or has other things to do. A long conversation alone does less. */
const SLOWED = 2;
/** Tokens that the comparison goes by, and for how many it then goes gently before it looks again. */
const RECENT = 24;
const SPARED = 256;
/** Shorter rests are saved up: timers take about as long themselves. */
const SHORTEST = 4;
/**
 * A GPU computes on while its tokens are fetched, and while we rest: what a token takes is measured now and then, over so many
 * tokens without rests, behind as many that had been computed before.
 */
const STRETCH = 32;
const BETWEEN = 1024;

/** Says how long to rest after each step. One for an engine: what a device can do is learnt over all its answers. */
export class Pacer {
  /** When the next step may begin. */
  #due = 0;
  /** Milliseconds that a token takes at present, and at best; averages. */
  #recent: number | undefined;
  #best = Infinity;
  #seen = 0;
  /** Tokens for which `auto` still goes gently. */
  #spare = 0;
  /** Of a device that computes ahead: tokens since it was last measured, and when that began. */
  #count = 0;
  #began = 0;
  #measured: number | undefined;

  /** @param ahead whether the device computes ahead of what is asked of it, as a GPU does */
  constructor(private readonly ahead: boolean) {}

  /** The next step does not follow the last one at once: an answer begins, or has waited. */
  resume(): void {
    this.#due = 0;
    // What was being measured has a gap now.
    if (this.#count <= 2 * STRETCH) this.#count = this.#measured === undefined ? 0 : 2 * STRETCH + 1;
  }

  /**
   * Milliseconds to rest after a step.
   *
   * @param pace how it shall go
   * @param token whether the step gave a token; else it read a piece of the prompt
   * @param began when it began, and `now`, when it ended
   */
  rest(pace: Pace, token: boolean, began: number, now: number): number {
    const cost = token ? this.#costOf(began, now) : now - began;
    if (token && cost !== undefined) this.#notice(cost);
    const gentle = pace === 'gentle' || (pace === 'auto' && this.#spare > 0);
    if (token && this.#spare > 0) this.#spare--;
    if (!gentle || cost === undefined) {
      this.#due = 0;
      return 0;
    }
    this.#due = Math.max(this.#due, began) + cost / SHARE;
    const rest = this.#due - now;
    return rest < SHORTEST ? 0 : rest;
  }

  /** What the token took; `undefined` while that is being measured. */
  #costOf(began: number, now: number): number | undefined {
    if (!this.ahead) return now - began;
    if (this.#count++ === STRETCH) this.#began = now;
    if (this.#count <= 2 * STRETCH) return undefined;
    if (this.#count === 2 * STRETCH + 1) this.#measured = (now - this.#began) / STRETCH;
    if (this.#count > BETWEEN) this.#count = 0;
    return this.#measured;
  }

  /** Whether the device has slowed down. */
  #notice(cost: number): void {
    const part = 1 / Math.min(++this.#seen, RECENT);
    this.#recent = (this.#recent ?? 0) * (1 - part) + cost * part;
    if (this.#seen < RECENT) return;
    this.#best = Math.min(this.#best, this.#recent);
    if (this.#recent > SLOWED * this.#best && this.#spare === 0) this.#spare = SPARED;
  }
}
