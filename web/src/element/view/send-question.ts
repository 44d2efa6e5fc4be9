import type { ChatStrings } from '../shell/button-strings.ts';
import { button, isComposing, make } from '../parts/dom.ts';
import { fill } from '../shell/strings.ts';

/**
 * Asks whether a conversation may leave this device. It is shown above the composer; the rest of the chat stays usable.
 */
export class SendQuestion {
  readonly node = make('div', 'send-card');
  readonly #title = make('p', 'card-title');
  readonly #detail = make('p', 'card-text');
  readonly #keep: HTMLButtonElement;
  #answer: ((send: boolean) => void) | undefined;

  /**
   * @param panel the chat: Escape anywhere in it means no
   * @param gone stops listening, since the panel outlives the view
   */
  constructor(
    private readonly strings: ChatStrings,
    panel: HTMLElement,
    gone: AbortSignal,
  ) {
    const detail = this.#detail;
    [this.#title.id, detail.id] = ['send-title', 'send-detail'];
    this.node.setAttribute('role', 'alertdialog');
    this.node.setAttribute('aria-labelledby', this.#title.id);
    this.node.setAttribute('aria-describedby', detail.id);
    this.node.hidden = true;
    this.#keep = button('keep', strings.dontSend, () => this.decline());
    const actions = make('div', 'card-actions');
    actions.append(
      this.#keep,
      button('agree', strings.sendThere, () => this.#answer?.(true)),
    );
    this.node.append(this.#title, detail, actions);
    const declines = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || isComposing(event) || !this.open) return;
      // Otherwise it would close the chat.
      event.stopPropagation();
      this.decline();
    };
    panel.addEventListener('keydown', declines, { capture: true, signal: gone });
  }

  /** Whether the person is being asked. */
  get open(): boolean {
    return !this.node.hidden;
  }

  /** Asks and gives the reason. Resolves with whether to send; aborting `signal` means no. */
  async ask(host: string, reason: string, signal: AbortSignal): Promise<boolean> {
    this.#title.textContent = fill(this.strings.sendQuestion, { host });
    this.#detail.textContent = [reason, this.strings.sendDetail].filter(Boolean).join(' ');
    this.node.hidden = false;
    const decline = () => this.decline();
    signal.addEventListener('abort', decline);
    try {
      return await new Promise<boolean>((resolve) => {
        this.#answer = resolve;
        if (signal.aborted) resolve(false);
      });
    } finally {
      signal.removeEventListener('abort', decline);
      this.#answer = undefined;
      this.node.hidden = true;
    }
  }

  /** The answer is no. */
  decline(): void {
    this.#answer?.(false);
  }

  /** The button that refuses gets the focus, so that an accidental Enter does no harm. */
  focus(): void {
    this.#keep.focus();
  }
}
