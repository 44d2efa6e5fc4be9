import type { ChatMessage } from '../../api/types.ts';
import { cutText } from '../../markdown.ts';

/** A question and its answer; the answer is empty until it arrives. */
export interface Exchange {
  question: string;
  answer: string;
}

/** The parts of a request. */
export interface Material {
  /** The system prompt. */
  system: string;
  /** Facts about the site. */
  context: string;
  /** The conversation so far, without the current question. */
  past: readonly Exchange[];
  question: string;
}

/** Messages that fit, and what was left out. */
export interface Fitted {
  messages: ChatMessage[];
  /** The number of oldest exchanges that were left out. */
  dropped: number;
  /** Whether the site's context was cut. */
  cut: boolean;
}

/** The share of the room for the site's context; the rest is for the conversation. */
const CONTEXT_SHARE = 0.5;
/** How far the cut of the site's context may be off before it is cut again. */
const CONTEXT_SLACK = 0.2;
/** The share of its room that the conversation fills after a cut; the rest is for the next exchanges. */
const KEPT_SHARE = 0.5;

/**
 * Makes requests of limited length. Each one starts like the one before if possible, since an engine need not read the
 * same prefix again. After a cut there is room for several exchanges.
 */
export class Memory {
  /** The number of oldest exchanges that are left out. */
  #dropped = 0;
  /** The part of the site's context that is used, if it was cut. */
  #cut: { of: string; text: string } | undefined;

  /**
   * The question and the system prompt always stay. The site's context is cut to its share of the room, then the oldest
   * exchanges are left out.
   *
   * @param room the most characters of all messages together
   */
  fit({ system, context, past, question }: Material, room: number): Fitted {
    const known = this.#known(context, Math.max(0, Math.floor((room - system.length) * CONTEXT_SHARE)));
    this.#drop(past, room - system.length - known.length - question.length);
    const instructions = [system, known].filter(Boolean).join('\n\n');
    const messages: ChatMessage[] = [
      ...(instructions ? [{ role: 'system' as const, content: instructions }] : []),
      ...past.slice(this.#dropped).flatMap(({ question, answer }): ChatMessage[] => [
        { role: 'user', content: question },
        { role: 'assistant', content: answer },
      ]),
      { role: 'user', content: question },
    ];
    return { messages, dropped: this.#dropped, cut: known.length < context.length };
  }

  /** The site's context, cut to its share. An earlier cut is kept if it is about right. */
  #known(context: string, share: number): string {
    if (context.length <= share) return context;
    const { of, text } = this.#cut ?? {};
    if (of === context && text !== undefined && Math.abs(text.length - share) <= share * CONTEXT_SLACK) return text;
    this.#cut = { of: context, text: cutAt(context, share) };
    return this.#cut.text;
  }

  #drop(past: readonly Exchange[], room: number): void {
    this.#dropped = Math.min(this.#dropped, past.length);
    let sum = past.slice(this.#dropped).reduce((sum, exchange) => sum + size(exchange), 0);
    if (sum <= room) return;
    while (this.#dropped < past.length && sum > room * KEPT_SHARE) {
      // The newest exchange stays if it fits at all.
      if (this.#dropped === past.length - 1 && sum <= room) return;
      sum -= size(past[this.#dropped++]!);
    }
  }
}

/** Characters per token: guessed at first, then measured from the engine's counts. */
export class TokenRate {
  /**
   * English has about 4, other languages fewer. If the guess is too high, a second try is needed; if it is too low,
   * more of the conversation is left out.
   */
  #charactersPerToken = 3;

  /** Records the number of tokens of messages. */
  learn(messages: readonly ChatMessage[], tokens: number): void {
    if (tokens > 0)
      this.#charactersPerToken = Math.min(
        8,
        Math.max(0.5, messages.reduce((sum, { content }) => sum + content.length, 0) / tokens),
      );
  }

  /** Characters that fit into this many tokens. */
  characters(tokens: number): number {
    return Math.floor(tokens * this.#charactersPerToken);
  }
}

function size({ question, answer }: Exchange): number {
  // The template adds some tokens to each message.
  return question.length + answer.length + 24;
}

/** The beginning of a text, cut at the end of a line or word. */
function cutAt(text: string, length: number): string {
  const piece = cutText(text, length);
  const end = Math.max(piece.lastIndexOf('\n'), piece.lastIndexOf(' '));
  return end > length / 2 ? piece.slice(0, end) : piece;
}
