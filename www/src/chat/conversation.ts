import { ChatHistory, type Material } from 'linnet/chat-history';
import { EndFollower } from 'linnet/chat-ui';
import { type MarkdownParts, MarkdownText, partsOf } from 'linnet/markdown';
import type { Exchange } from './chats.ts';
import { copyButton } from '../page/clipboard.ts';
import { element, make } from '../page/page.ts';

/** The messages, on the page and for the model. */
export class Conversation {
  /** Asks with as much of the conversation as fits. */
  readonly history = new ChatHistory();
  readonly #log = element('log', HTMLDivElement);
  readonly #welcome = element('welcome', HTMLElement);
  readonly #scroller = element('scroller', HTMLElement);
  #turns: Turn[] = [];
  /** Keeps the newest text in view, until the person scrolls up. */
  readonly #end = new EndFollower(this.#scroller, [this.#log], (following) =>
    this.#scroller.toggleAttribute('data-following', following),
  );
  /** The system prompt. */
  system = '';

  get isEmpty(): boolean {
    return this.#turns.length === 0;
  }

  /** The parts of a request. Reasoning of earlier answers is not sent again. */
  material(turn: Turn): Material {
    const past = this.#turns.filter((other) => other !== turn).map(({ question, answer }) => ({ question, answer }));
    return { system: this.system, context: '', past: past.filter(({ answer }) => answer), question: turn.question };
  }

  /** The conversation as it is stored. */
  exchanges(): Exchange[] {
    return this.#turns.map(({ question, written, noted }) => ({ question, answer: written, note: noted }));
  }

  /** Shows a stored conversation. */
  show({ system, exchanges }: { system: string; exchanges: readonly Exchange[] }): void {
    this.clear();
    this.system = system;
    for (const { question, answer, note } of exchanges) {
      const turn = this.begin(question);
      turn.write(answer);
      turn.note(note);
      void turn.end();
    }
  }

  /** Adds a question with an empty answer. */
  begin(question: string): Turn {
    this.#welcome.hidden = true;
    const turn = new Turn(question);
    this.#turns.push(turn);
    this.#log.append(...turn.nodes);
    this.#end.follow();
    return turn;
  }

  /** Removes a turn. */
  remove(turn: Turn): void {
    this.#turns = this.#turns.filter((other) => other !== turn);
    for (const node of turn.nodes) node.remove();
    this.#welcome.hidden = !this.isEmpty;
  }

  clear(): void {
    for (const turn of [...this.#turns]) this.remove(turn);
    this.history.forget();
  }
}

/** Parts of an answer that the page provides. */
const PARTS: MarkdownParts = {
  image: (text) => `[Picture: ${text}]`,
  table: 'Table',
  copyButton: (code) => copyButton(code),
};

/** A question and its streamed answer. */
export class Turn {
  readonly nodes: HTMLElement[];
  readonly #answer = make('div', 'message assistant writing');
  readonly #body = make('div', 'text');
  #text: MarkdownText | undefined;
  readonly #reasoning = make('details', 'reasoning');
  readonly #reasoningHead = make('summary', '', 'Thinking…');
  readonly #reasoningText = document.createTextNode('');
  readonly #meta = make('div', 'meta');
  #written = '';
  #complete = false;
  #frame = 0;

  constructor(readonly question: string) {
    const asked = make('div', 'message user');
    const text = make('div', 'text', question);
    text.dir = 'auto';
    asked.append(make('span', 'visually-hidden', 'You: '), text);
    const reasoning = make('div', 'reasoning-text');
    reasoning.dir = 'auto';
    reasoning.append(this.#reasoningText);
    this.#reasoning.append(this.#reasoningHead, reasoning);
    this.#reasoning.hidden = true;
    this.#answer.append(make('span', 'visually-hidden', 'Model: '), this.#reasoning, this.#body, this.#meta);
    this.nodes = [asked, this.#answer];
  }

  /** The answer so far, without the reasoning. */
  get answer(): string {
    return partsOf(this.#written, this.#complete).answer;
  }

  /** The model's text so far. */
  get written(): string {
    return this.#written;
  }

  /** The answer as plain text, without Markdown. */
  get spoken(): string {
    return this.#body.textContent ?? '';
  }

  /** The small line under the answer. */
  get noted(): string {
    return this.#meta.textContent ?? '';
  }

  /** Adds text, at most once per frame, so that a fast model does not keep the page busy with layout. */
  write(text: string): void {
    this.#written += text;
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  /** Sets the small line under the answer. */
  note(text: string): void {
    if (this.noted !== text) this.#meta.textContent = text;
  }

  /** Ends the answer. Resolves when all of it is shown. */
  async end(): Promise<void> {
    this.#complete = true;
    this.#flush();
    await this.#text?.end();
    this.#answer.classList.remove('writing');
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const { reasoning, answer, thinking } = partsOf(this.#written, this.#complete);
    this.#reasoning.hidden = !reasoning && !thinking;
    this.#reasoningHead.textContent = thinking ? 'Thinking…' : 'Thoughts';
    grow(this.#reasoningText, reasoning);
    this.#show(answer);
  }

  #show(answer: string): void {
    const shown = this.#text?.text ?? '';
    // If a chat template wrote the opening tag itself, what looked like the answer was reasoning.
    const anew = !answer.startsWith(shown);
    if (anew || !this.#text) {
      this.#body.replaceChildren();
      this.#text = new MarkdownText(this.#body, PARTS);
    }
    const more = anew ? answer : answer.slice(shown.length);
    if (more) this.#text.write(more);
  }
}

/** Sets the text of a node; if the text only grows, only the new part is added. */
function grow(node: Text, text: string): void {
  if (text === node.data) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}
