import { Recovery } from './recovery.ts';
import type { RiskyPhase } from '../protocol/messages.ts';

// The page's side of the marks: where they are kept, and how a page shows that it lives.

const LIFE = 'linnet page ';

/** The marks of this origin; `undefined` where the page has no store for them, or cannot tell whether other pages live. */
export function openRecovery(): Recovery | undefined {
  try {
    const { localStorage, navigator } = globalThis;
    if (!localStorage || !navigator.locks) return undefined;
    return new Recovery(localStorage, async (page) => {
      // Where nobody can tell, no page is taken for dead.
      const { held } = await navigator.locks.query().catch(() => ({ held: undefined }));
      return !held || held.some(({ name }) => name === LIFE + page);
    });
  } catch {
    return undefined;
  }
}

/** One engine's mark. It stands while something risky goes on, and the page has not been left. */
export class CrashMarker {
  readonly #page = crypto.getRandomValues(new Uint32Array(2)).join('');
  #phase: RiskyPhase | undefined;
  #release: (() => void) | undefined;
  /** Whether the page has been left: what it is told after that is no news. */
  #left = false;
  readonly #update = () => {
    if (this.#phase && !this.#left) this.recovery.mark(this.#page, this.model, this.#phase, document.visibilityState === 'hidden');
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

  /** Something risky begins. Resolves when the page would be missed. */
  async enter(phase: RiskyPhase): Promise<void> {
    if (this.#phase) return;
    this.#phase = phase;
    // Held until it is released, or until the page dies.
    await new Promise<void>((held) => {
      const life = new Promise<void>((release) => (this.#release = release));
      // Where the browser refuses it, the page goes on without the net: its mark would not be told from a dead one's.
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
    // Who leaves has not died.
    globalThis.addEventListener('pagehide', this.#leave);
    globalThis.addEventListener('pageshow', this.#return);
  }

  /** It went well, or failed in an orderly way. */
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
