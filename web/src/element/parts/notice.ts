import { make } from './dom.ts';

/** The elements of a notice. */
export interface NoticeElements {
  /** The notice, hidden until there is a text. */
  node: HTMLElement;
  text: HTMLElement;
  /** Where its buttons are. */
  actions: HTMLElement;
}

/** Creates the elements of a notice, for a page that has none in its markup. */
export function noticeElements(): NoticeElements {
  const [node, text, actions] = [make('div', 'notice'), make('p'), make('div', 'actions')];
  node.append(text, actions);
  return { node, text, actions };
}

/**
 * A notice at the end of the conversation, which shows one text at a time: an error, or what the person should know. A
 * question stays until it is answered; other texts are put before it. Screen readers announce it.
 */
export class ChatNotice {
  readonly #node: HTMLElement;
  /** The open question. */
  #question: string | undefined;
  /** The texts since it was asked, by code. */
  readonly #beside = new Map<string, string>();

  /** @param onShow called when a text is shown, to scroll to it for example */
  constructor(
    private readonly elements: NoticeElements,
    private readonly onShow: () => void = () => {},
  ) {
    this.#node = elements.node;
    this.#node.setAttribute('role', 'alert');
    this.#node.hidden = true;
  }

  /** The code of the text that is shown. */
  get code(): string | undefined {
    return this.#node.dataset['code'];
  }

  /** The text that is shown; empty if there is none. */
  get text(): string {
    return this.#node.hidden ? '' : (this.elements.text.textContent ?? '');
  }

  /**
   * Shows a text. Next to a question it has no buttons: answering the question closes both.
   *
   * @param code names the text in the attribute `data-code`: the code of an error, for example
   */
  show(text: string, code: string, actions: readonly HTMLElement[] = []): void {
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

  #show(text: string, code: string, actions: readonly HTMLElement[]): void {
    this.#node.dataset['code'] = code;
    this.elements.text.textContent = text;
    this.elements.actions.replaceChildren(...actions);
    this.#node.hidden = false;
    this.onShow();
  }

  #write(): void {
    this.elements.text.textContent = [...this.#beside.values(), this.#question].join(' ');
    this.onShow();
  }

  #close(): void {
    this.#question = undefined;
    this.#beside.clear();
    this.#node.hidden = true;
    delete this.#node.dataset['code'];
  }
}
