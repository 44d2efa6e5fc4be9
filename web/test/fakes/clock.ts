import type { TestContext } from 'node:test';

/** How far time goes at once, in milliseconds. */
const STEP_MS = 10;
/** Nothing takes longer than this. */
const LIMIT_MS = 600_000;

/** The time of a test, by which `setTimeout` and `performance.now` go: seconds pass in a moment. */
export class Clock {
  #now = 0;
  readonly #tick: (milliseconds: number) => void;

  constructor(t: TestContext) {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(performance, 'now', () => this.#now);
    this.#tick = (milliseconds) => t.mock.timers.tick(milliseconds);
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Lets time pass. What waits for a promise goes on meanwhile. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= STEP_MS) {
      this.#now += Math.min(left, STEP_MS);
      this.#tick(Math.min(left, STEP_MS));
      // Every promise that can settle does, before this one.
      await new Promise(setImmediate);
    }
  }

  /** Lets time pass until the promise settles. */
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
