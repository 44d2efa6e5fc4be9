import { Inbox } from './inbox.ts';
import { type Reply, isLast } from '../protocol/messages.ts';

// When sampling runs on the GPU, several tokens arrive at once, up to eight times a second. Shown at once, an answer
// would jerk.

/** A GPU gets at most this many milliseconds of work at once, unless it has become slower. */
const MOST_MS = 250;

/** A clock with timers. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  /** Calls back after this many milliseconds; returns a function that cancels it. */
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
 * Passes on tokens that arrived together one after another, over the time that the GPU took for them, which is about
 * when the next ones arrive. It never lags: when the next tokens arrive, they share the following interval with those
 * that still wait; at the end of the answer all waiting tokens are passed on at once.
 */
export class PacedInbox extends Inbox<Reply> {
  /** The time at which each waiting message is due. */
  #due: number[] = [];
  /** The time of the last burst. */
  #burst: number | undefined;
  /** Tokens that the burst still lacks, the time between two tokens, and when the last one is due. */
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

  /** Starts a burst: messages that are not due yet and its tokens share the time that it took to arrive. */
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
