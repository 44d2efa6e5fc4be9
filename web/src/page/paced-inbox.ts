import { Inbox } from './inbox.ts';
import { type Reply, isLast } from '../protocol/messages.ts';

// Where the GPU chooses tokens by itself, several come at once, up to eight times a second. Shown as they come, an answer jerks.

/** No more is asked of a GPU at once than it does in so many milliseconds, unless it became slower meanwhile. */
const MOST_MS = 250;

/** A clock, and a way to be woken by it. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** Calls back after so many milliseconds; gives what calls that off. */
  after(milliseconds: number, wake: () => void): () => void;
}

const REAL: Clock = {
  now: () => performance.now(),
  after: (milliseconds, wake) => {
    const timer = setTimeout(wake, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Gives out tokens that came together one after another, over as long as the GPU took for them, which is about when the next ones
 * come. It never lags: when the next ones are there, what still waits and they share the time until the ones after them; and with
 * the end of the answer all that waits is given out at once.
 */
export class PacedInbox extends Inbox<Reply> {
  /** When each message that waits is due. */
  #due: number[] = [];
  /** When the last burst came. */
  #burst: number | undefined;
  /** Tokens that are still to come with it, the time between two of them, and when the last one is due. */
  #left = 0;
  #between = 0;
  #last = 0;

  constructor(private readonly clock: Clock = REAL) {
    super();
  }

  override put(answer: Reply): void {
    this.#due.push(this.#dueOf(answer));
    super.put(answer);
  }

  override async take(): Promise<Reply> {
    for (;;) {
      const wait = (this.#due[0] ?? Infinity) - this.clock.now();
      if (wait <= 0) break;
      await this.#wakeAfter(wait);
    }
    const answer = await super.take();
    this.#due.shift();
    return answer;
  }

  #dueOf(answer: Reply): number {
    const now = this.clock.now();
    if (isLast(answer)) this.#due.fill(now);
    if (answer.type === 'error' || answer.event.type !== 'token') return now;
    const { left = 0 } = answer.event;
    if (this.#left === 0) this.#plan(left + 1, now);
    this.#left = left;
    this.#last = Math.max(now, this.#last + this.#between);
    return this.#last;
  }

  /** A burst begins: what is not due yet, and so many tokens, share as much time as it took to come. */
  #plan(tokens: number, now: number): void {
    const took = Math.min(now - (this.#burst ?? now), MOST_MS);
    this.#burst = now;
    const early = this.#due.findIndex((due) => due > now);
    const waiting = early < 0 ? 0 : this.#due.length - early;
    this.#between = took / (waiting + tokens);
    for (let i = 0; i < waiting; i++) this.#due[early + i] = now + i * this.#between;
    this.#last = now + (waiting - 1) * this.#between;
  }

  #wakeAfter(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const callOff = milliseconds < Infinity ? this.clock.after(milliseconds, resolve) : () => undefined;
      this.wake = () => {
        callOff();
        resolve();
      };
    });
  }
}
