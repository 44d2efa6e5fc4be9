/**
 * The notice above the composer, which shows one text at a time. A question stays until it is answered; other messages
 * are put before it.
 */
export class Notice {
  /** The open question. */
  #question: string | undefined;
  /** The messages since it was asked, by code. */
  readonly #beside = new Map<string, string>();

  constructor(
    private readonly node: HTMLElement,
    private readonly text: HTMLElement,
    private readonly actions: HTMLElement,
  ) {}

  /** Shows a message. Next to a question it has no buttons: answering the question closes both. */
  show(text: string, code: string, actions: readonly HTMLElement[]): void {
    if (this.#question === undefined) return this.#show(text, code, actions);
    this.#beside.set(code, text);
    this.#write();
  }

  /** Shows a question. */
  ask(question: string, code: string, actions: readonly HTMLElement[]): void {
    this.#question = question;
    this.#show(question, code, actions);
  }

  /** Changes the question's text, if it is still open. */
  reword(question: string): void {
    if (this.#question === undefined) return;
    this.#question = question;
    this.#write();
  }

  /** Closes the question. */
  answered(): void {
    if (this.#question !== undefined) this.#close();
  }

  /** Closes the notice, unless it is a question. */
  hide(): void {
    if (this.#question === undefined) this.#close();
  }

  reveal(): void {
    this.node.scrollIntoView({ block: 'nearest' });
  }

  #show(text: string, code: string, actions: readonly HTMLElement[]): void {
    this.node.dataset['code'] = code;
    this.text.textContent = text;
    this.actions.replaceChildren(...actions);
    this.node.hidden = false;
    this.reveal();
  }

  #write(): void {
    this.text.textContent = [...this.#beside.values(), this.#question].join(' ');
    this.reveal();
  }

  #close(): void {
    this.#question = undefined;
    this.#beside.clear();
    this.node.hidden = true;
    delete this.node.dataset['code'];
  }
}
