import { ChatHistory, type Material } from 'linnet/chat-history';
import { EndFollower } from 'linnet/chat-ui';
import { type MarkdownParts, MarkdownText, partsOf } from 'linnet/markdown';
import type { Exchange } from './chats.ts';
import { copyButton } from '../page/clipboard.ts';
import { element, make } from '../page/page.ts';

/** The messages, on the page and for the model. */
export class Conversation {
  /** Asks with as much of it as the model has room for. */
  readonly history = new ChatHistory();
  readonly #log = element('log', HTMLDivElement);
  readonly #welcome = element('welcome', HTMLElement);
  readonly #scroller = element('scroller', HTMLElement);
  #turns: Turn[] = [];
  /** Keeps the newest text in sight, until the person scrolls up to read. */
  readonly #end = new EndFollower(this.#scroller, [this.#log], (following) =>
    this.#scroller.toggleAttribute('data-following', following),
  );
  /** What the model is told before it. */
  system = '';

  get isEmpty(): boolean {
    return this.#turns.length === 0;
  }

  /** What the model can be told when it is asked. What it thought before an answer it is not told again. */
  material(turn: Turn): Material {
    const past = this.#turns.filter((other) => other !== turn).map(({ question, answer }) => ({ question, answer }));
    return { system: this.system, context: '', past: past.filter(({ answer }) => answer), question: turn.question };
  }

  /** What is to be kept of it. */
  exchanges(): Exchange[] {
    return this.#turns.map(({ question, written, noted }) => ({ question, answer: written, note: noted }));
  }

  /** Shows one that was kept. */
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

  /** A question, with an empty answer below it. */
  begin(question: string): Turn {
    this.#welcome.hidden = true;
    const turn = new Turn(question);
    this.#turns.push(turn);
    this.#log.append(...turn.nodes);
    this.#end.follow();
    return turn;
  }

  /** Takes a turn back, as if it had not been asked. */
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

/** What stands in an answer beside what the model wrote. */
const PARTS: MarkdownParts = {
  image: (text) => `[Picture: ${text}]`,
  table: 'Table',
  copyButton: (code) => copyButton(code),
};

/** A question and its answer, as it comes. */
export class Turn {
  readonly nodes: HTMLElement[];
  readonly #answer = make('div', 'message assistant writing');
  readonly #body = make('div', 'text');
  #text: MarkdownText | undefined;
  readonly #reasoning = make('details', 'thoughts');
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
    const reasoning = make('div', 'thought');
    reasoning.dir = 'auto';
    reasoning.append(this.#reasoningText);
    this.#reasoning.append(this.#reasoningHead, reasoning);
    this.#reasoning.hidden = true;
    this.#answer.append(make('span', 'visually-hidden', 'Model: '), this.#reasoning, this.#body, this.#meta);
    this.nodes = [asked, this.#answer];
  }

  /** The answer so far, without the thoughts. */
  get answer(): string {
    return partsOf(this.#written, this.#complete).answer;
  }

  /** All that the model has written so far. */
  get written(): string {
    return this.#written;
  }

  /** The answer as it is read: without the signs of Markdown. */
  get spoken(): string {
    return this.#body.textContent ?? '';
  }

  /** The small line under the answer. */
  get noted(): string {
    return this.#meta.textContent ?? '';
  }

  /** Adds text, once per frame at most: a fast model must not keep the page busy with layout. */
  write(text: string): void {
    this.#written += text;
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  /** Sets the small line under the answer. */
  note(text: string): void {
    if (this.noted !== text) this.#meta.textContent = text;
  }

  /** The answer is complete. Settles when all of it is shown. */
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
    // What looked like the answer was thought, where a chat template has opened the thoughts itself.
    const anew = !answer.startsWith(shown);
    if (anew || !this.#text) {
      this.#body.replaceChildren();
      this.#text = new MarkdownText(this.#body, PARTS);
    }
    const more = anew ? answer : answer.slice(shown.length);
    if (more) this.#text.write(more);
  }
}

/** Makes a text node hold a text; where it only grows, only what is new is added. */
function grow(node: Text, text: string): void {
  if (text === node.data) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}
