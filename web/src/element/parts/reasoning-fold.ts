import { make } from './dom.ts';

/** The titles of a model's reasoning. */
export interface ReasoningStrings {
  /** While the model is reasoning. */
  thinking: string;
  /** When the reasoning is complete. */
  thoughts: string;
}

/** A model's reasoning, folded: the person opens it to read it. Hidden until there is any. */
export class ReasoningFold {
  readonly node = make('details', 'reasoning');
  readonly #head = make('summary');
  readonly #text = document.createTextNode('');

  constructor(private readonly strings: ReasoningStrings) {
    const body = make('div', 'reasoning-text');
    body.dir = 'auto';
    body.append(this.#text);
    this.node.append(this.#head, body);
    this.clear();
  }

  clear(): void {
    this.#text.data = '';
    this.#head.textContent = this.strings.thinking;
    this.node.hidden = true;
  }

  /** Adds text, without touching what is shown. */
  add(text: string): void {
    this.#text.appendData(this.#text.data ? text : text.trimStart());
  }

  /** Whether the model is still reasoning. */
  set thinking(thinking: boolean) {
    const { thinking: now, thoughts } = this.strings;
    const title = thinking ? now : thoughts;
    if (this.#head.textContent !== title) this.#head.textContent = title;
    if (!thinking && /\s$/.test(this.#text.data)) this.#text.data = this.#text.data.trimEnd();
    this.node.hidden = !thinking && !this.#text.data;
  }
}
