// Decides which tab writes a conversation: a duplicated tab shows the same one, and the tabs must not overwrite each
// other.

/** After this many milliseconds another tab counts as having the conversation open; a reload releases it late. */
const PATIENCE = 500;

/**
 * The right to write a conversation. It is requested until granted, since the tab that has it may close at any time,
 * and kept until it is released or the page ends. A browser without locks grants it to every tab; then the store
 * detects that another tab has changed the conversation.
 */
export class ChatLock {
  readonly #left = new AbortController();
  #held = false;
  /** Fulfils when this tab has the right, however late. */
  readonly given: Promise<void>;
  /** Fulfils when this tab has the right, or another tab has held it for a while. */
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
      // Some frames may not use locks.
      locks.request(`linnet-chat ${id}`, { signal }, hold).catch(() => signal.aborted || give());
    });
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE)));
    this.decided = Promise.race([this.given, late]);
  }

  /** Whether this tab has the right to write the conversation. */
  get held(): boolean {
    return this.#held;
  }

  /** Releases the right, or stops requesting it. */
  release(): void {
    this.#held = false;
    this.#left.abort();
  }
}
