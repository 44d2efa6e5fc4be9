/**
 * The notice above the composer: one text at a time. A question stays until it is answered; what there is to say meanwhile is said in
 * front of it.
 */
export class Notice {
  /** The question that waits for an answer. */
  #question: string | undefined;
  /** What was said since it was asked, by code. */
  readonly #beside = new Map<string, string>();

  constructor(
    private readonly node: HTMLElement,
    private readonly text: HTMLElement,
    private readonly actions: HTMLElement,
  ) {}

  /** Says something. Beside a question it has no buttons: answering the question closes both. */
  show(text: string, code: string, actions: readonly HTMLElement[]): void {
    if (this.#question === undefined) return this.#show(text, code, actions);
    this.#beside.set(code, text);
    this.#write();
  }

  /** Asks something. */
  ask(question: string, code: string, actions: readonly HTMLElement[]): void {
    this.#question = question;
    this.#show(question, code, actions);
  }

  /** Puts the question in other words, if it still waits. */
  reword(question: string): void {
    if (this.#question === undefined) return;
    this.#question = question;
    this.#write();
  }

  /** Takes note that the question is answered. */
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
