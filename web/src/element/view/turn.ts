import type { MarkdownParts } from '../../markdown.ts';
import { copyText, icon, iconButton, relabel } from '../parts/dom.ts';
import { ChatTurn } from '../parts/turn.ts';
import type { ChatStrings } from '../shell/button-strings.ts';
import { fill } from '../shell/strings.ts';
import type { ToolCall } from '../tools/rounds.ts';
import type { CallEnd } from '../tools/run-call.ts';

/** How long a button shows that it has copied, in milliseconds. */
const COPIED = 2000;

/** What a turn tells the chat. */
export interface TurnListener {
  /** The person asks for another answer. */
  onRetry(): void;
  /** A tool call has ended. */
  onTool(call: ToolCall): void;
  /** Has screen readers read a text. */
  announce(text: string): void;
}

/** A turn whose answer can be copied, and asked for again. */
export class TurnView extends ChatTurn {
  readonly #copy: HTMLButtonElement;
  readonly #retry: HTMLButtonElement;

  constructor(
    question: string,
    strings: ChatStrings,
    private readonly listener: TurnListener,
  ) {
    const { you, model, thinking, thoughtFor } = strings;
    const reasoning = { thinking, thoughtFor };
    super(question, {
      you,
      model,
      markdown: markdownParts(strings),
      reasoning,
      tools: strings,
      announce: listener.announce,
    });
    this.#copy = copyButton(strings, () => this.answer);
    this.#retry = iconButton('icon small', 'retry', strings.retry, () => listener.onRetry());
    this.offer(this.#copy, this.#retry);
  }

  override endCall(index: number, end: CallEnd): void {
    super.endCall(index, end);
    const call = this.rounds.at(-1)?.calls?.[index];
    if (call) this.listener.onTool(call);
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
