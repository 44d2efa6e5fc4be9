import type { MarkdownParts } from '../../markdown.ts';
import { copyText, icon, iconButton, relabel } from '../parts/dom.ts';
import { ChatTurn } from '../parts/turn.ts';
import type { ChatStrings } from '../shell/button-strings.ts';
import { fill } from '../shell/strings.ts';

/** How long a button shows that it has copied, in milliseconds. */
const COPIED = 2000;

/** A turn whose answer can be copied, and asked for again. */
export class TurnView extends ChatTurn {
  readonly #copy: HTMLButtonElement;
  readonly #retry: HTMLButtonElement;

  constructor(question: string, strings: ChatStrings, onRetry: () => void) {
    super(question, { you: strings.you, model: strings.model, markdown: markdownParts(strings) });
    this.#copy = copyButton(strings, () => this.answer);
    this.#retry = iconButton('icon small', 'retry', strings.retry, onRetry);
    this.offer(this.#copy, this.#retry);
  }

  override async end(): Promise<void> {
    await super.end();
    this.#copy.hidden = !this.answer;
  }

  /** Whether the question can be answered again; only the last one can. */
  set retriable(retriable: boolean) {
    this.#retry.hidden = !retriable;
  }
}

function markdownParts(strings: ChatStrings): MarkdownParts {
  return {
    table: strings.table,
    image: (text) => fill(strings.image, { text }),
    copyButton: (code) => copyButton({ ...strings, copy: strings.copyCode }, code),
  };
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
