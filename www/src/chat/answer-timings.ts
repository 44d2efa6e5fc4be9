import type { Timings } from 'linnet';

/** A number of tokens, and how many per second. */
interface Speed {
  tokens: number;
  perSecond: number;
}

/** Adds up what an answer took: with tool calls the model reads and writes several times. */
export class AnswerTimings {
  #written: Speed = { tokens: 0, perSecond: 0 };
  #read: Speed = { tokens: 0, perSecond: 0 };

  /** What the model has written. */
  get written(): Speed {
    return this.#written;
  }

  /** What it has read. */
  get read(): Speed {
    return this.#read;
  }

  add(timings: Timings): void {
    const { predicted_n, predicted_per_second, prompt_n, prompt_per_second } = timings;
    this.#written = sum(this.#written, { tokens: predicted_n, perSecond: predicted_per_second });
    this.#read = sum(this.#read, { tokens: prompt_n, perSecond: prompt_per_second });
  }
}

function sum(one: Speed, other: Speed): Speed {
  const tokens = one.tokens + other.tokens;
  const seconds = secondsOf(one) + secondsOf(other);
  return { tokens, perSecond: seconds > 0 ? tokens / seconds : 0 };
}

function secondsOf({ tokens, perSecond }: Speed): number {
  return perSecond > 0 ? tokens / perSecond : 0;
}
