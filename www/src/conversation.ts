import type { ChatMessage } from 'linnet';
import { element, make } from './page.ts';

/** The messages, on the page and for the model. */
export class Conversation {
  readonly #log = element('log', HTMLDivElement);
  readonly #welcome = element('welcome', HTMLElement);
  readonly #scroller = element('scroller', HTMLElement);
  #turns: Turn[] = [];
  /** Whether the page follows the text: until the person scrolls up to read. */
  #following = true;

  constructor() {
    this.#scroller.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
      this.#following = scrollHeight - scrollTop - clientHeight < 48;
    });
    // The viewport shrinks when a phone's keyboard opens; the newest text should stay in sight.
    new ResizeObserver(() => this.follow()).observe(this.#scroller);
  }

  get isEmpty(): boolean {
    return this.#turns.length === 0;
  }

  /** What the model is to be told. */
  messages(): ChatMessage[] {
    return this.#turns.flatMap(({ question, answer }): ChatMessage[] => [
      { role: 'user', content: question },
      ...(answer ? [{ role: 'assistant' as const, content: answer }] : []),
    ]);
  }

  /** A question, with an empty answer below it. */
  begin(question: string): Turn {
    this.#welcome.hidden = true;
    const turn = new Turn(question, () => this.follow());
    this.#turns.push(turn);
    this.#log.append(...turn.nodes);
    this.#following = true;
    this.follow();
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
  }

  /** Keeps the newest text in sight. */
  follow(): void {
    if (this.#following) this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }
}

/** A question and its answer, as it comes. */
export class Turn {
  readonly nodes: HTMLElement[];
  readonly #answer = make('div', 'message assistant writing');
  readonly #text = document.createTextNode('');
  readonly #meta = make('div', 'meta');
  #pending = '';
  #frame = 0;

  constructor(
    readonly question: string,
    private readonly onGrow: () => void,
  ) {
    const asked = make('div', 'message user');
    asked.append(make('span', 'visually-hidden', 'You: '), make('div', 'text', question));
    const body = make('div', 'text');
    body.append(this.#text);
    this.#answer.append(make('span', 'visually-hidden', 'Model: '), body, this.#meta);
    this.nodes = [asked, this.#answer];
  }

  /** The answer so far. */
  get answer(): string {
    return this.#text.data + this.#pending;
  }

  /** Adds text, once per frame at most: a fast model must not keep the page busy with layout. */
  write(text: string): void {
    this.#pending += text;
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  /** The small line under the answer. */
  note(text: string): void {
    this.#meta.textContent = text;
    this.onGrow();
  }

  /** The answer is complete. */
  end(): void {
    this.#flush();
    this.#answer.classList.remove('writing');
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    // Models often start with a line break or two.
    this.#text.appendData(this.#text.data ? this.#pending : this.#pending.trimStart());
    this.#pending = '';
    this.onGrow();
  }
}
