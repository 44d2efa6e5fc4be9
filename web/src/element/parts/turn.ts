import type { MarkdownParts } from '../../markdown.ts';
import type { Round, RoundPiece } from '../tools/rounds.ts';
import type { CallEnd } from '../tools/run-call.ts';
import { TOOL_STRINGS, type ToolStrings } from '../tools/tool-strings.ts';
import { make } from './dom.ts';
import type { ReasoningStrings } from './reasoning-fold.ts';
import { RoundView } from './round.ts';

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
  /** The texts of tool calls; English by default. */
  tools?: ToolStrings;
  /** Has screen readers read what a tool does: `ChatLog.announce`, for example. */
  announce?: (text: string) => void;
}

/**
 * A question and its answer, which is shown as Markdown while it is streamed, with the model's reasoning and its tool
 * calls. An answer with calls has several rounds: the model goes on when it gets the results.
 */
export class ChatTurn {
  /** The person's message. */
  readonly asked: HTMLElement = make('div', 'message question');
  /** The model's message. */
  readonly answered: HTMLElement = make('div', 'message answer');
  readonly #steps = make('div', 'steps');
  readonly #meta = make('span', 'meta');
  readonly #actions = make('div', 'actions');
  #rounds: RoundView[] = [];

  constructor(
    readonly question: string,
    private readonly options: TurnOptions,
  ) {
    const text = make('div', 'text', question);
    text.dir = 'auto';
    this.asked.append(make('span', 'unseen', options.you), text);
    const foot = make('div', 'foot');
    foot.append(this.#meta, this.#actions);
    this.answered.append(make('span', 'unseen', options.model), this.#steps, foot);
    this.begin();
  }

  /** The answer so far, as the model wrote it, without its reasoning and calls. */
  get answer(): string {
    return this.#rounds
      .map(({ text }) => text)
      .filter(Boolean)
      .join('\n\n');
  }

  /** The rounds of the answer so far. */
  get rounds(): readonly Round[] {
    return this.#rounds.map(({ kept }) => kept);
  }

  /** Whether the model has written nothing so far. */
  get isEmpty(): boolean {
    return !this.hasAnswer && !this.reasoned;
  }

  /** Whether there is more than reasoning: text, or tool calls. */
  get hasAnswer(): boolean {
    return this.#rounds.some(({ text, calls }) => text !== '' || calls.length > 0);
  }

  /** Whether the model has written any reasoning so far. */
  get reasoned(): boolean {
    return this.#rounds.some(({ reasoning }) => reasoning !== '');
  }

  /** The answer as screen readers announce it, without the marks of Markdown. */
  get spoken(): string {
    return this.#rounds
      .map(({ spoken }) => spoken)
      .filter(Boolean)
      .join(' ');
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
    this.#rounds = [];
    this.#steps.replaceChildren();
    this.nextRound();
    this.#actions.hidden = true;
    this.writing = true;
    this.note('');
  }

  /** Starts the next round, after the tools of the last one have run. */
  nextRound(): void {
    const { markdown, reasoning, tools = TOOL_STRINGS, announce = () => {} } = this.options;
    const round = new RoundView({ markdown, reasoning, tools, announce });
    void this.#rounds.at(-1)?.end();
    this.#rounds.push(round);
    this.#steps.append(round.node);
  }

  /** Whether more of the answer is coming without anybody having to act. */
  set writing(writing: boolean) {
    this.answered.classList.toggle('writing', writing);
  }

  /** Adds text of the model. It is shown in the next frame or later. */
  write(text: string): void {
    this.add({ text });
  }

  /** Adds text, reasoning, or pieces of tool calls. */
  add(piece: RoundPiece): void {
    this.#rounds.at(-1)!.add(piece);
  }

  /** Asks the person whether a call of the last round may run. Aborting `signal` means no. */
  async confirmCall(index: number, question: string | undefined, signal: AbortSignal): Promise<boolean> {
    return this.#rounds.at(-1)!.calls[index]!.confirm(question, signal);
  }

  /** Focuses the question whether a call may run. Returns whether there is one. */
  focusQuestion(): boolean {
    const refuse = this.answered.querySelector<HTMLElement>('.call-question .refuse');
    refuse?.focus();
    return refuse !== null;
  }

  /** Shows the result of a call of the last round. */
  endCall(index: number, { result, outcome }: CallEnd): void {
    this.#rounds.at(-1)!.calls[index]?.end(result, outcome);
  }

  /** Shows an answer that was kept, instead of the one so far. End it as any other. */
  show(rounds: readonly Round[]): void {
    this.begin();
    for (const [index, round] of rounds.entries()) {
      if (index > 0) this.nextRound();
      this.#rounds.at(-1)!.show(round);
    }
  }

  /** Sets the small line below the answer. Returns whether it changed. */
  note(text: string): boolean {
    if (this.noted === text) return false;
    this.#meta.textContent = text;
    return true;
  }

  /** Ends the answer. Resolves when all of it is shown. */
  async end(): Promise<void> {
    await Promise.all(this.#rounds.map((round) => round.end()));
    this.writing = false;
    this.#actions.hidden = false;
  }
}
