import { EndFollower } from './follow.ts';
import type { ChatTurn } from './turn.ts';

/** The elements of a conversation. */
export interface LogElements {
  /** The box that scrolls. */
  scroller: HTMLElement;
  /** The conversation for screen readers, with a label: the scroller itself, or an element in it. */
  log: HTMLElement;
  /** Where the turns are put: `log` itself, or an element in it. */
  turns: HTMLElement;
  /** An element that cannot be seen. Screen readers read out what is put into it. */
  announcer: HTMLElement;
}

/** The turns of a conversation. They stay scrolled to their end until the person scrolls away. */
export class ChatLog<Turn extends ChatTurn = ChatTurn> {
  readonly #end: EndFollower;
  #turns: readonly Turn[] = [];

  /** @param others parts of the scroller that change their size, besides the turns */
  constructor(
    private readonly elements: LogElements,
    others: readonly Element[] = [],
  ) {
    const { scroller, log, turns, announcer } = elements;
    log.setAttribute('role', 'log');
    // Answers are announced when they are complete, not word by word.
    log.setAttribute('aria-live', 'off');
    announcer.setAttribute('aria-live', 'polite');
    this.#end = new EndFollower(scroller, [turns, ...others], (following) =>
      scroller.toggleAttribute('data-following', following),
    );
  }

  /** The turns, oldest first. */
  get turns(): readonly Turn[] {
    return this.#turns;
  }

  /** Whether there are no turns. */
  get isEmpty(): boolean {
    return this.#turns.length === 0;
  }

  /** Adds a turn and scrolls to it. */
  add(turn: Turn): void {
    this.#turns = [...this.#turns, turn];
    this.elements.turns.append(turn.asked, turn.answered);
    this.toEnd();
  }

  /** Removes a turn. */
  remove(turn: Turn): void {
    this.#turns = this.#turns.filter((other) => other !== turn);
    turn.asked.remove();
    turn.answered.remove();
  }

  /** Removes all turns. */
  clear(): void {
    for (const turn of this.#turns) this.remove(turn);
  }

  /** Scrolls to the end, and keeps it in view. */
  toEnd(): void {
    this.#end.follow();
  }

  /** Announces a text to screen readers. */
  announce(text: string): void {
    this.elements.announcer.textContent = text;
  }
}
