/** An answer counts as long after this many milliseconds; no screen turns off sooner. */
const LONG = 5000;

/**
 * Keeps the screen on while a long answer is written, since a sleeping phone stops it. Browsers release the lock when
 * the page is hidden, so it is requested again when the page is visible. If the browser has no such lock or refuses it,
 * nothing happens.
 */
export class ScreenWakeLock {
  #lock: WakeLockSentinel | undefined;
  #asking = false;
  #ended = false;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #ask = () => void this.#acquire();

  constructor(
    readonly page: Document,
    readonly browser: Pick<Navigator, 'wakeLock'>,
    patience = LONG,
  ) {
    this.#timer = setTimeout(() => {
      page.addEventListener('visibilitychange', this.#ask);
      void this.#acquire();
    }, patience);
  }

  /** Ends the lock, with the answer. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.page.removeEventListener('visibilitychange', this.#ask);
    this.#letGo();
  }

  async #acquire(): Promise<void> {
    if (this.page.visibilityState !== 'visible' || this.#asking || (this.#lock && !this.#lock.released)) return;
    this.#asking = true;
    try {
      this.#lock = await this.browser.wakeLock?.request('screen');
      if (this.#ended) this.#letGo();
    } catch {
      // The battery is low, or the page is not allowed: the screen turns off as usual.
    } finally {
      this.#asking = false;
    }
  }

  #letGo(): void {
    this.#lock?.release().catch(() => {});
    this.#lock = undefined;
  }
}
