import type { TestContext } from 'node:test';

/** The step of the clock in milliseconds. */
const STEP_MS = 10;
/** The maximum time of a test. */
const LIMIT_MS = 600_000;

/** A fake clock for `setTimeout` and `performance.now`, on which seconds pass at once. */
export class Clock {
  #now = 0;
  readonly #tick: (milliseconds: number) => void;

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(performance, 'now', () => this.#now);
    this.#tick = (milliseconds) => t.mock.timers.tick(milliseconds);
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** Advances the clock. Code that waits for promises continues in between. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= STEP_MS) {
      this.#now += Math.min(left, STEP_MS);
      this.#tick(Math.min(left, STEP_MS));
      // All other promises that can settle do so before this one.
      await new Promise(setImmediate);
    }
  }

  /** Advances the clock until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = () => void (settled = true);
    promise.then(settle, settle);
    const limit = this.#now + LIMIT_MS;
    for (await new Promise(setImmediate); !settled; await this.pass(STEP_MS)) {
      if (this.#now > limit) throw new Error(`still waiting after ${LIMIT_MS} ms`);
    }
    return promise;
  }
}
