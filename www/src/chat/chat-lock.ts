// Which tab writes a conversation: a duplicated tab shows the same one, and what one tab writes must not undo what the other wrote.

/** Milliseconds for which another tab may hold a conversation before it counts as open there: a reload lets go of it late. */
const PATIENCE = 500;

/**
 * The right to write a conversation, asked for until it is given: the tab that has it may close at any time. It is kept until it is
 * released or the page ends. A browser without locks gives it to every tab; then the store finds out, when a conversation is written,
 * that another tab has changed it.
 */
export class ChatLock {
  readonly #left = new AbortController();
  #held = false;
  /** Fulfils when this tab has the right, however late. */
  readonly given: Promise<void>;
  /** Fulfils when this tab has the right, or when another one has had it for a while. */
  readonly decided: Promise<void>;

  constructor(id: string) {
    const { locks } = navigator as { locks?: LockManager };
    const { signal } = this.#left;
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.given = new Promise((resolve) => {
      const give = () => {
        this.#held = true;
        clearTimeout(timer);
        resolve();
      };
      const hold = () => {
        give();
        return new Promise<void>((release) => signal.addEventListener('abort', () => release()));
      };
      if (!locks) return give();
      // Some frames have locks and may not use them.
      locks.request(`linnet-chat ${id}`, { signal }, hold).catch(() => signal.aborted || give());
    });
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE)));
    this.decided = Promise.race([this.given, late]);
  }

  /** Whether this tab has the right to write the conversation. */
  get held(): boolean {
    return this.#held;
  }

  /** Gives the right back, or asks for it no longer. */
  release(): void {
    this.#held = false;
    this.#left.abort();
  }
}
