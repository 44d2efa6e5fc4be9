import { make } from './dom.ts';

/** The titles of a model's reasoning. */
export interface ReasoningStrings {
  /** While the model is reasoning. */
  thinking: string;
  /** When the reasoning is complete: `{seconds}`. */
  thoughtFor: string;
}

/** A model's reasoning, folded: the person opens it to read it. Hidden until there is any. */
export class ReasoningFold {
  readonly node = make('details', 'reasoning');
  readonly #head = make('summary');
  readonly #text = document.createTextNode('');
  /** When the reasoning began, in milliseconds; `undefined` before, and after its end. */
  #began: number | undefined;
  #seconds: number | undefined;

  constructor(private readonly strings: ReasoningStrings) {
    const body = make('div', 'reasoning-text');
    body.dir = 'auto';
    body.append(this.#text);
    this.node.append(this.#head, body);
    this.node.hidden = true;
  }

  /** The reasoning so far. */
  get text(): string {
    return this.#text.data;
  }

  /** How long it took, in whole seconds, at least 1; `undefined` if that is not known yet. */
  get seconds(): number | undefined {
    return this.#seconds;
  }

  /** Adds text. */
  add(text: string): void {
    this.#began ??= performance.now();
    this.#text.appendData(this.#text.data ? text : text.trimStart());
    this.#title(this.strings.thinking);
    this.node.hidden = false;
  }

  /** Ends the reasoning. `seconds`: how long it took, if it was not written just now. */
  end(seconds?: number): void {
    if (this.#began === undefined) return;
    this.#seconds = seconds ?? Math.max(1, Math.round((performance.now() - this.#began) / 1000));
    this.#began = undefined;
    const text = this.#text.data.trimEnd();
    if (text !== this.#text.data) this.#text.data = text;
    this.#title(this.strings.thoughtFor.replace('{seconds}', String(this.#seconds)));
    this.node.hidden = !text;
  }

  #title(title: string): void {
    if (this.#head.textContent !== title) this.#head.textContent = title;
  }
}
