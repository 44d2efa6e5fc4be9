import { isComposing, iconButton, make } from './dom.ts';

/** With CSS `field-sizing` a box grows with its text by itself. */
const GROWS_BY_ITSELF = globalThis.CSS?.supports('field-sizing', 'content');

/** The elements of a composer. */
export interface ComposerElements {
  form: HTMLFormElement;
  /** The box where the person writes. */
  input: HTMLTextAreaElement;
  /** Sends the text; of type `button` or `submit`. */
  send: HTMLButtonElement;
  /** A button in the place of `send` while an answer is written. */
  stop: HTMLButtonElement;
  /** Switches the model's reasoning; shown where there is something to switch. */
  think?: HTMLButtonElement | undefined;
  /** A line that says why nothing was sent; screen readers announce it. */
  hint: HTMLElement;
}

/** The texts of a composer. */
export interface ComposerStrings {
  /** The box's name for screen readers. */
  message: string;
  placeholder: string;
  send: string;
  stop: string;
  /** The name of the switch for the model's reasoning; without it there is no switch. */
  think?: string;
}

/** What a composer reports. */
export interface ComposerListener {
  /** Called with the text to send. If it is sent, set `text` to an empty string. */
  onSend(text: string): void;
  /** Called when the person stops the answer. */
  onStop(): void;
  /** Called when the person switches the model's reasoning. */
  onThink?(thinking: boolean): void;
}

/** Creates the elements of a composer, for a page that has none in its markup. The form does not contain the hint. */
export function composerElements(strings: ComposerStrings): ComposerElements {
  const form = make('form', 'composer');
  const input = make('textarea', 'input');
  const send = iconButton('round send', 'send', strings.send);
  const stop = iconButton('round stop', 'stop', strings.stop);
  input.rows = 1;
  input.dir = 'auto';
  input.placeholder = strings.placeholder;
  input.setAttribute('aria-label', strings.message);
  const think = strings.think ? iconButton('round think', 'think', strings.think) : undefined;
  form.append(...(think ? [think] : []), input, send, stop);
  return { form, input, send, stop, think, hint: make('p', 'hint') };
}

/**
 * The box where the person writes. Enter sends, Shift+Enter starts a line, and Enter that belongs to an input method
 * does neither. The button next to the box sends, or stops the answer.
 */
export class Composer {
  readonly #input: HTMLTextAreaElement;

  constructor(
    private readonly elements: ComposerElements,
    private readonly listener: ComposerListener,
  ) {
    const { form, input, send, stop, think, hint } = elements;
    this.#input = input;
    // The label of the key on a phone's keyboard.
    input.enterKeyHint = 'send';
    stop.hidden = true;
    hint.setAttribute('role', 'status');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.send();
    });
    // Not the form's event: a frame with a sandbox may forbid forms, and then there is none.
    send.addEventListener('click', (event) => {
      event.preventDefault();
      this.send();
    });
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
      event.preventDefault();
      this.send();
    });
    input.addEventListener('input', () => this.#fit());
    stop.addEventListener('click', () => listener.onStop());
    if (think) think.hidden = true;
    think?.addEventListener('click', () => {
      this.thinking = !this.thinking;
      listener.onThink?.(this.thinking);
    });
    this.#fit();
  }

  /** The text in the box, without white space around it. */
  get text(): string {
    return this.#input.value.trim();
  }
  set text(text: string) {
    this.#input.value = text;
    this.#fit();
  }

  /** Puts a text that could not be sent back into the box, unless the person has written something else. */
  giveBack(text: string): void {
    if (!this.text) this.text = text;
  }

  /** Sends the text, as the button does. */
  send(): void {
    if (this.text) this.listener.onSend(this.text);
  }

  /** Whether an answer is being written, which can then be stopped. */
  set busy(busy: boolean) {
    const { send, stop } = this.elements;
    // The focus stays: the two buttons are in the same place.
    const focused = [send, stop].some((button) => button.matches(':focus'));
    send.hidden = busy;
    stop.hidden = !busy;
    if (focused) (busy ? stop : this.#input).focus();
  }

  /** Whether the model's reasoning can be switched. */
  set thinkingSwitch(there: boolean) {
    const { think } = this.elements;
    if (think) think.hidden = !there;
  }

  /** Whether the switch for the model's reasoning is on. */
  get thinking(): boolean {
    return this.elements.think?.getAttribute('aria-pressed') === 'true';
  }
  set thinking(thinking: boolean) {
    this.elements.think?.setAttribute('aria-pressed', String(thinking));
  }

  /** Why nothing was sent. The text stays in the box. */
  set hint(text: string) {
    this.elements.hint.textContent = text;
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

  /** Focuses the box. On a phone this opens the keyboard, which covers a part of the page. */
  focus(): void {
    this.#input.focus();
  }

  /** Focuses the box for a person with a keyboard. On a phone it does nothing: the keyboard would cover the page. */
  focusForKeyboard(): void {
    if (matchMedia('(pointer: fine)').matches) this.focus();
  }

  /** The box grows with its text. */
  #fit(): void {
    this.elements.send.disabled = !this.text;
    if (GROWS_BY_ITSELF) return;
    this.#input.style.height = 'auto';
    // A box that is not shown has no height.
    if (this.#input.scrollHeight) this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}
