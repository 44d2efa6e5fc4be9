/** Messages that wait for a reader, in order. One reader at a time. */
export class Inbox<T> {
  readonly #messages: T[] = [];
  /** Wakes the reader, if one waits. */
  protected wake: (() => void) | undefined;

  /** Adds a message and wakes the reader. */
  put(message: T): void {
    this.#messages.push(message);
    this.wake?.();
  }

  /** The next message, once there is one. */
  async take(): Promise<T> {
    while (this.#messages.length === 0) await new Promise<void>((resolve) => (this.wake = resolve));
    return this.#messages.shift()!;
  }
}
