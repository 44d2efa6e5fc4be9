import type { ChatMessage } from '../../api/types.ts';
import { cutText } from '../../markdown.ts';

/** A question and its answer; the answer is empty while it is awaited. */
export interface Exchange {
  question: string;
  answer: string;
}

/** What a request is made of. */
export interface Material {
  /** What the model is told before all else. */
  system: string;
  /** What it is to know of the site. */
  context: string;
  /** The conversation so far, without the question that is asked now. */
  past: readonly Exchange[];
  question: string;
}

/** Messages that fit, and what had to be left out for it. */
export interface Fitted {
  messages: ChatMessage[];
  /** Exchanges that were left out, the oldest ones. */
  dropped: number;
  /** Whether the site's context was cut. */
  cut: boolean;
}

/** The part of the room that the site's context may take, so that there is some left for the conversation. */
const CONTEXT_SHARE = 0.5;
/** How far the cut of the site's context may be from that before it is made anew. */
const CONTEXT_SLACK = 0.2;
/** The part of its room that the conversation has when some of it has been left out: the rest is for the next turns. */
const KEPT_SHARE = 0.5;

/**
 * Makes requests that are about so long at most. Each begins as the one before, as long as that is possible: what an engine has read
 * once it need not read again. So much is left out at once that there is room for some turns.
 */
export class Memory {
  /** Exchanges that are left out, the oldest ones. */
  #dropped = 0;
  /** What is told of the site's context, where it had to be cut. */
  #cut: { of: string; text: string } | undefined;

  /**
   * The question and the system prompt always stay; the site's context is cut at its share of the room, and then the oldest exchanges
   * are left out.
   *
   * @param room characters that all messages may have together
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

  /** As much of the site's context as its share: of one that had to be cut, as much as before if that is about right. */
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
      // The newest one stays if there is room for it at all.
      if (this.#dropped === past.length - 1 && sum <= room) return;
      sum -= size(past[this.#dropped++]!);
    }
  }
}

/** How many characters a token stands for: guessed at first, and then from what the engine has counted. */
export class TokenRate {
  /** English has about 4; others have fewer. Too few tokens guessed costs a second try, too many cost memory of the conversation. */
  #charactersPerToken = 3;

  /** Notes that messages had so many tokens. */
  learn(messages: readonly ChatMessage[], tokens: number): void {
    if (tokens > 0) this.#charactersPerToken = Math.min(8, Math.max(0.5, messages.reduce((sum, { content }) => sum + content.length, 0) / tokens));
  }

  /** Characters that fit into so many tokens. */
  characters(tokens: number): number {
    return Math.floor(tokens * this.#charactersPerToken);
  }
}

function size({ question, answer }: Exchange): number {
  // Each message has some tokens around it.
  return question.length + answer.length + 24;
}

/** The beginning of a text, up to the end of a line or of a word. */
function cutAt(text: string, length: number): string {
  const piece = cutText(text, length);
  const end = Math.max(piece.lastIndexOf('\n'), piece.lastIndexOf(' '));
  return end > length / 2 ? piece.slice(0, end) : piece;
}
