import type { Pace } from '../protocol/messages.ts';

// Pauses between the steps of answers, so that a device stays cool and its battery lasts.

/** The share of time during which gentle answers compute. */
export const SHARE = 0.5;
/** A device that is this many times slower is too hot or busy. A longer conversation alone slows it down less. */
const SLOWED = 2;
/** Tokens per comparison, and the number of gentle tokens before the next one. */
const RECENT = 24;
const SPARED = 256;
/** Shorter pauses are added up, since timers take about as long themselves. */
const SHORTEST = 4;
/**
 * A GPU continues to compute while its tokens are read and during pauses. So the time per token is measured now and
 * then over this many tokens without pauses, after as many unmeasured ones.
 */
const STRETCH = 32;
const BETWEEN = 1024;

/**
 * Decides how long to pause after each step. There is one per engine, since it learns the device's speed from all
 * answers.
 */
export class Pacer {
  /** When the next step may start. */
  #due = 0;
  /** Milliseconds per token now, and at best; averages. */
  #recent: number | undefined;
  #best = Infinity;
  #seen = 0;
  /** The number of further tokens for which `auto` stays gentle. */
  #spare = 0;
  /** For a device that computes ahead: tokens since the last measurement, and when that started. */
  #count = 0;
  #began = 0;
  #measured: number | undefined;

  /** @param ahead whether the device computes ahead of requests, as a GPU does */
  constructor(private readonly ahead: boolean) {}

  /** Tells that the next step does not directly follow the last one: an answer starts, or has paused. */
  resume(): void {
    this.#due = 0;
    // The measurement has a gap and is discarded.
    if (this.#count <= 2 * STRETCH) this.#count = this.#measured === undefined ? 0 : 2 * STRETCH + 1;
  }

  /**
   * Milliseconds to pause after a step.
   *
   * @param pace the answer's pace
   * @param token whether the step made a token; otherwise it read a part of the prompt
   * @param began when the step started
   * @param now when it ended
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

  /** The time that the token took; `undefined` during a measurement. */
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
