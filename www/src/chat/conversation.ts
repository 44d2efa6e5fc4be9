import { ChatHistory, type Material } from 'linnet/chat-history';
import { ChatLog, ChatTurn, type TurnOptions } from 'linnet/chat-ui';
import type { Exchange } from './chats.ts';
import { copyButton } from '../page/clipboard.ts';
import { element } from '../page/page.ts';

/** The messages, on the page and for the model. */
export class Conversation {
  /** Asks with as much of the conversation as fits. */
  readonly history = new ChatHistory();
  /** The turns, as the page shows them. */
  readonly log = new ChatLog({
    scroller: element('scroller', HTMLElement),
    log: element('log', HTMLDivElement),
    turns: element('log', HTMLDivElement),
    announcer: element('announcer', HTMLDivElement),
  });
  readonly #welcome = element('welcome', HTMLElement);
  /** The system prompt. */
  system = '';

  get isEmpty(): boolean {
    return this.log.isEmpty;
  }

  /** The parts of a request. Reasoning of earlier answers is not sent again. */
  material(turn: ChatTurn): Material {
    const before = this.log.turns.filter((other) => other !== turn && other.hasAnswer);
    const past = before.map(({ question, answer, rounds }) => ({ question, answer, rounds }));
    return { system: this.system, context: '', past, question: turn.question };
  }

  /** The conversation as it is stored. */
  exchanges(): Exchange[] {
    return this.log.turns.map(({ question, answer, rounds, noted: note }) => ({ question, answer, rounds, note }));
  }

  /** Shows a stored conversation. */
  show({ system, exchanges }: { system: string; exchanges: readonly Exchange[] }): void {
    this.clear();
    this.system = system;
    for (const { question, answer, rounds, note } of exchanges) {
      const turn = this.begin(question);
      turn.show(rounds ?? [{ text: answer }]);
      turn.note(note);
      void turn.end();
    }
  }

  /** Adds a question with an empty answer. */
  begin(question: string): ChatTurn {
    this.#welcome.hidden = true;
    const turn = new ChatTurn(question, { ...OPTIONS, announce: (text) => this.log.announce(text) });
    // The roles, as the API calls them.
    turn.asked.classList.add('user');
    turn.answered.classList.add('assistant');
    this.log.add(turn);
    return turn;
  }

  /** Removes a turn. */
  remove(turn: ChatTurn): void {
    this.log.remove(turn);
    this.#welcome.hidden = !this.isEmpty;
  }

  clear(): void {
    this.log.clear();
    this.#welcome.hidden = false;
    this.history.forget();
  }
}

/** How turns are shown. */
const OPTIONS: TurnOptions = {
  you: 'You: ',
  model: 'Model: ',
  reasoning: { thinking: 'Thinking…', thoughtFor: 'Thought for {seconds} s' },
  markdown: {
    image: (text) => `[Picture: ${text}]`,
    table: 'Table',
    copyButton: (code) => copyButton(code),
  },
};
