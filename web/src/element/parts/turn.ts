import { type MarkdownParts, MarkdownText, partsOf } from '../../markdown.ts';
import { ReasoningSplitter, type SpokenPiece } from '../markdown/reasoning.ts';
import { make } from './dom.ts';
import { ReasoningFold, type ReasoningStrings } from './reasoning-fold.ts';

/** What a turn is shown with. */
export interface TurnOptions {
  /** Read by screen readers before the person's text. */
  you: string;
  /** Read by screen readers before the model's text. */
  model: string;
  /** What is put into the answer's Markdown. */
  markdown: MarkdownParts;
  /** Titles for the model's reasoning, which is then shown above the answer, folded. Without them it is not shown. */
  reasoning?: ReasoningStrings;
}

/** A question and its answer, which is shown as Markdown while it is streamed, apart from the model's reasoning. */
export class ChatTurn {
  /** The person's message. */
  readonly asked: HTMLElement = make('div', 'message question');
  /** The model's message. */
  readonly answered: HTMLElement = make('div', 'message answer');
  #body: HTMLElement = make('div', 'text body');
  readonly #meta = make('span', 'meta');
  readonly #actions = make('div', 'actions');
  readonly #fold: ReasoningFold | undefined;
  #text!: MarkdownText;
  #splitter!: ReasoningSplitter;
  #written = '';
  #reasoned = false;

  constructor(
    readonly question: string,
    private readonly options: TurnOptions,
  ) {
    const text = make('div', 'text', question);
    text.dir = 'auto';
    this.asked.append(make('span', 'unseen', options.you), text);
    this.#fold = options.reasoning && new ReasoningFold(options.reasoning);
    const foot = make('div', 'foot');
    foot.append(this.#meta, this.#actions);
    this.answered.append(make('span', 'unseen', options.model));
    if (this.#fold) this.answered.append(this.#fold.node);
    this.answered.append(this.#body, foot);
    this.begin();
  }

  /** The model's text so far, with its reasoning. */
  get written(): string {
    return this.#written;
  }

  /** The answer so far, as the model wrote it, without its reasoning. */
  get answer(): string {
    return this.#text.text;
  }

  /** Whether the model has written any reasoning so far. */
  get reasoned(): boolean {
    return this.#reasoned;
  }

  /** The answer as screen readers announce it, without the marks of Markdown. */
  get spoken(): string {
    return this.#body.textContent ?? '';
  }

  /** The small line below the answer. */
  get noted(): string {
    return this.#meta.textContent ?? '';
  }

  /** Puts buttons below the answer. They are shown when it is complete. */
  offer(...actions: readonly HTMLElement[]): void {
    this.#actions.replaceChildren(...actions);
  }

  /** Starts an answer, and removes a previous one. */
  begin(): void {
    this.#splitter = new ReasoningSplitter();
    this.#written = '';
    this.#reasoned = false;
    this.#fold?.clear();
    this.#clear();
    this.#actions.hidden = true;
    this.writing = true;
    this.note('');
  }

  /** Whether more of the answer is coming without anybody having to act. */
  set writing(writing: boolean) {
    this.answered.classList.toggle('writing', writing);
  }

  /** Adds text of the model. It is shown in the next frame or later. */
  write(text: string): void {
    this.#written += text;
    this.#show(this.#splitter.add(text));
  }

  /** Sets the small line below the answer. Returns whether it changed. */
  note(text: string): boolean {
    if (this.noted === text) return false;
    this.#meta.textContent = text;
    return true;
  }

  /** Ends the answer. Resolves when all of it is shown. */
  async end(): Promise<void> {
    this.#show(this.#splitter.end());
    if (this.#fold) this.#fold.thinking = false;
    await this.#text.end();
    this.writing = false;
    this.#actions.hidden = false;
  }

  #show({ reasoning, answer, replaces }: SpokenPiece): void {
    if (replaces) {
      // A template opened the reasoning, so it looked like the answer until its end.
      this.#clear();
      this.#reason(partsOf(this.#written, false).reasoning);
    }
    if (reasoning) this.#reason(reasoning);
    if (this.#fold) this.#fold.thinking = this.#splitter.thinking;
    if (answer) this.#text.write(answer);
  }

  #reason(text: string): void {
    this.#reasoned ||= text !== '';
    this.#fold?.add(text);
  }

  #clear(): void {
    // The text so far may be shown later, in a frame that is planned: it gets no place.
    const body = this.#body.cloneNode() as HTMLElement;
    this.#body.replaceWith(body);
    this.#body = body;
    this.#text = new MarkdownText(body, this.options.markdown);
  }
}
