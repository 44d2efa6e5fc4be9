import type { ChatStrings } from '../shell/button-strings.ts';
import { iconButton, isComposing, make } from './dom.ts';

/** With CSS `field-sizing` a box grows with its text by itself. */
const GROWS_BY_ITSELF = CSS.supports('field-sizing', 'content');

/** The box where the person writes. The button beside it sends, or stops the answer. */
export class Composer {
  readonly node = make('form', 'composer');
  readonly #input = make('textarea', 'input');
  readonly #send: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;

  constructor(strings: ChatStrings, onSend: (text: string) => void, onStop: () => void) {
    const send = () => {
      const text = this.text;
      if (text) onSend(text);
    };
    this.#input.rows = 1;
    this.#input.placeholder = strings.placeholder;
    this.#input.enterKeyHint = 'send';
    this.#input.dir = 'auto';
    this.#input.setAttribute('aria-label', strings.message);
    this.#send = iconButton('round send', 'send', strings.send, send);
    this.#stop = iconButton('round stop', 'stop', strings.stop, onStop);
    this.#stop.hidden = true;
    this.node.append(this.#input, this.#send, this.#stop);
    this.node.addEventListener('submit', (event) => event.preventDefault());
    this.#input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
      event.preventDefault();
      send();
    });
    this.#input.addEventListener('input', () => this.#fit());
    this.#fit();
  }

  get text(): string {
    return this.#input.value.trim();
  }
  set text(text: string) {
    this.#input.value = text;
    this.#fit();
  }

  /** Whether an answer is being written, which can then be stopped. */
  set busy(busy: boolean) {
    // The focus stays: the two buttons are in the same place.
    const focused = [this.#send, this.#stop].some((button) => button.matches(':focus'));
    this.#send.hidden = busy;
    this.#stop.hidden = !busy;
    if (focused) (busy ? this.#stop : this.#input).focus();
  }

  /** Whether the box is disabled, since nobody can answer. */
  set disabled(disabled: boolean) {
    this.#input.disabled = disabled;
    this.#fit();
  }

  /** Whether the person may be about to write, but has not started. */
  get untouched(): boolean {
    return !this.#input.value && this.#input.matches(':focus');
  }

  focus(): void {
    this.#input.focus();
  }

  /** The box grows with its text. */
  #fit(): void {
    this.#send.disabled = !this.text;
    if (GROWS_BY_ITSELF) return;
    this.#input.style.height = 'auto';
    if (this.#input.scrollHeight) this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}
