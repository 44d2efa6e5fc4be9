import { type MarkdownParts, MarkdownText } from '../../markdown.ts';
import { INCOMPLETE } from '../../api/tool-calls.ts';
import type { CallPiece, Round, RoundPiece } from '../tools/rounds.ts';
import type { ToolStrings } from '../tools/tool-strings.ts';
import { make } from './dom.ts';
import { ReasoningFold, type ReasoningStrings } from './reasoning-fold.ts';
import { ToolCallView } from './tool-call.ts';

/** What a round is shown with. */
export interface RoundOptions {
  markdown: MarkdownParts;
  reasoning: ReasoningStrings | undefined;
  tools: ToolStrings;
  announce: (text: string) => void;
}

/** What a model writes in one go: reasoning, text as Markdown, and tool calls. */
export class RoundView {
  readonly node = make('div', 'step');
  readonly #body = make('div', 'text body');
  readonly #fold: ReasoningFold | undefined;
  readonly #text: MarkdownText;
  #reasoning = '';
  /** The calls in order, and the last one of each place. */
  readonly #calls: ToolCallView[] = [];
  readonly #places = new Map<number, ToolCallView>();

  constructor(private readonly options: RoundOptions) {
    this.#fold = options.reasoning && new ReasoningFold(options.reasoning);
    this.#text = new MarkdownText(this.#body, options.markdown);
    if (this.#fold) this.node.append(this.#fold.node);
    this.node.append(this.#body);
  }

  get text(): string {
    return this.#text.text;
  }

  /** The text without the marks of Markdown. */
  get spoken(): string {
    return this.#body.textContent ?? '';
  }

  get reasoning(): string {
    return this.#reasoning;
  }

  get calls(): readonly ToolCallView[] {
    return this.#calls;
  }

  /** The round, as it is kept. */
  get kept(): Round {
    const seconds = this.#fold?.seconds;
    return {
      ...(this.#reasoning ? { reasoning: this.#reasoning.trim() } : {}),
      ...(seconds === undefined ? {} : { seconds }),
      text: this.text,
      ...(this.#calls.length > 0 ? { calls: this.#calls.map(({ call }) => call) } : {}),
    };
  }

  add({ reasoning, text, calls }: RoundPiece): void {
    if (reasoning) {
      this.#reasoning += reasoning;
      this.#fold?.add(reasoning);
    }
    // Models often write a line break between their reasoning and a call.
    const more = this.text ? text : text?.trimStart();
    if (more || calls?.length) this.#fold?.end();
    if (more) this.#text.write(more);
    for (const piece of calls ?? []) this.#call(piece, this.options.announce);
  }

  /** Shows a round that was kept. */
  show({ reasoning, seconds, text, calls = [] }: Round): void {
    if (reasoning) {
      this.#reasoning = reasoning;
      this.#fold?.add(reasoning);
      this.#fold?.end(seconds);
    }
    if (text) this.#text.write(text);
    for (const [index, { id, name, arguments: args, result = INCOMPLETE, outcome = 'stopped' }] of calls.entries()) {
      this.#call({ index, id, name, arguments: args }, () => {});
      this.#calls[index]!.end(result, outcome);
    }
  }

  /** Ends the round. Resolves when all of it is shown. */
  async end(): Promise<void> {
    this.#fold?.end();
    for (const view of this.#calls) if (!view.call.outcome) view.end(INCOMPLETE, 'stopped');
    await this.#text.end();
  }

  #call(piece: CallPiece, announce: (text: string) => void): void {
    let view = this.#places.get(piece.index);
    if (!view || view.isOther(piece)) {
      view = new ToolCallView(piece, this.options.tools, announce);
      this.#places.set(piece.index, view);
      this.#calls.push(view);
      this.node.classList.add('calling');
      this.node.append(view.node);
    }
    view.add(piece);
  }
}
