import { Recovery } from './recovery.ts';
import type { RiskyPhase } from '../protocol/messages.ts';

// Stores crash markers, and shows other pages that this one is alive.

const LIFE = 'linnet page ';

/**
 * The markers of this origin; `undefined` if the page cannot store them, or cannot tell whether other pages are alive.
 */
export function openRecovery(): Recovery | undefined {
  try {
    const { localStorage, navigator } = globalThis;
    if (!localStorage || !navigator.locks) return undefined;
    return new Recovery(localStorage, async (page) => {
      // If the browser cannot tell, pages count as alive.
      const { held } = await navigator.locks.query().catch(() => ({ held: undefined }));
      return !held || held.some(({ name }) => name === LIFE + page);
    });
  } catch {
    return undefined;
  }
}

/** One engine's marker. It exists during a risky phase, unless the page is left. */
export class CrashMarker {
  readonly #page = crypto.getRandomValues(new Uint32Array(2)).join('');
  #phase: RiskyPhase | undefined;
  #release: (() => void) | undefined;
  /** Whether the page has been left: later changes are ignored. */
  #left = false;
  readonly #update = () => {
    if (this.#phase && !this.#left)
      this.recovery.mark(this.#page, this.model, this.#phase, document.visibilityState === 'hidden');
  };
  readonly #leave = () => {
    this.#left = true;
    this.recovery.unmark(this.#page);
  };
  readonly #return = () => {
    this.#left = false;
    this.#update();
  };

  constructor(
    readonly recovery: Recovery,
    readonly model: string,
  ) {}

  /** Starts a risky phase. Resolves when other pages would notice a crash. */
  async enter(phase: RiskyPhase): Promise<void> {
    if (this.#phase) return;
    this.#phase = phase;
    // Held until it is released or the page ends.
    await new Promise<void>((held) => {
      const life = new Promise<void>((release) => (this.#release = release));
      // If the browser refuses the lock, there is no marker: it would look like that of a crashed page.
      const hold = () => {
        held();
        return life;
      };
      const refused = () => {
        this.#left = true;
        held();
      };
      navigator.locks.request(LIFE + this.#page, hold).catch(refused);
    });
    this.#update();
    document.addEventListener('visibilitychange', this.#update);
    // Leaving the page is not a crash.
    globalThis.addEventListener('pagehide', this.#leave);
    globalThis.addEventListener('pageshow', this.#return);
  }

  /** Ends the risky phase: it succeeded, or failed without a crash. */
  leave(): void {
    if (!this.#phase) return;
    this.#phase = undefined;
    document.removeEventListener('visibilitychange', this.#update);
    globalThis.removeEventListener('pagehide', this.#leave);
    globalThis.removeEventListener('pageshow', this.#return);
    this.recovery.unmark(this.#page);
    this.#release?.();
  }
}
