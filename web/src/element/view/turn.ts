import { MarkdownText } from '../../markdown.ts';
import type { ChatStrings } from '../shell/button-strings.ts';
import { copyText, icon, iconButton, make, relabel } from '../parts/dom.ts';

/** How long a button shows that it has copied, in milliseconds. */
const COPIED = 2000;

/** A question and its answer on the page. */
export class TurnView {
  readonly nodes: HTMLElement[];
  readonly #body = make('div', 'body');
  readonly #meta = make('span', 'meta');
  readonly #actions = make('div', 'actions');
  readonly #answer = make('div', 'message answer');
  readonly #copy: HTMLButtonElement;
  readonly #retry: HTMLButtonElement;
  #text: MarkdownText;

  constructor(
    readonly question: string,
    private readonly strings: ChatStrings,
    onRetry: () => void,
  ) {
    const asked = make('div', 'message question');
    const text = make('div', 'text', question);
    text.dir = 'auto';
    asked.append(make('span', 'unseen', strings.you), text);
    this.#retry = iconButton('icon small', 'retry', strings.retry, onRetry);
    this.#copy = copyButton(strings, () => this.#text.text);
    this.#actions.append(this.#copy, this.#retry);
    this.#actions.hidden = true;
    const foot = make('div', 'foot');
    foot.append(this.#meta, this.#actions);
    this.#answer.append(make('span', 'unseen', strings.model), this.#body, foot);
    this.nodes = [asked, this.#answer];
    this.#text = this.#stream();
  }

  /** The answer so far, as the model wrote it. */
  get answer(): string {
    return this.#text.text;
  }

  /** The text that screen readers announce. */
  get spoken(): string {
    return this.#body.textContent ?? '';
  }

  /** Starts an answer, and removes a previous one. */
  begin(): void {
    this.#text = this.#stream();
    this.#body.replaceChildren();
    this.#actions.hidden = true;
    this.writing = true;
    this.note('');
  }

  /** Whether more of the answer is coming without anybody having to act. */
  set writing(writing: boolean) {
    this.#answer.classList.toggle('writing', writing);
  }

  write(text: string): void {
    this.#text.write(text);
  }

  /** Sets the small line below the answer. Returns whether it changed. */
  note(text: string): boolean {
    if (this.#meta.textContent === text) return false;
    this.#meta.textContent = text;
    return true;
  }

  /** Ends the answer. Resolves when all of it is shown. */
  async end(): Promise<void> {
    await this.#text.end();
    this.writing = false;
    this.#actions.hidden = false;
    this.#copy.hidden = !this.answer;
  }

  /** Whether the question can be answered again; only the last one can. */
  set retriable(retriable: boolean) {
    this.#retry.hidden = !retriable;
  }

  remove(): void {
    for (const node of this.nodes) node.remove();
  }

  #stream(): MarkdownText {
    const { strings } = this;
    const parts = {
      table: strings.table,
      image: (text: string) => strings.image.replace('{text}', () => text),
      copyButton: (code: () => string) => copyButton({ ...strings, copy: strings.copyCode }, code),
    };
    return new MarkdownText(this.#body, parts);
  }
}

function copyButton(strings: ChatStrings, text: () => string): HTMLButtonElement {
  const made = iconButton('icon small', 'copy', strings.copy, async () => {
    if (!(await copyText(text()))) return;
    relabel(made, strings.copied);
    made.replaceChildren(icon('done'));
    setTimeout(() => {
      relabel(made, strings.copy);
      made.replaceChildren(icon('copy'));
    }, COPIED);
  });
  return made;
}
