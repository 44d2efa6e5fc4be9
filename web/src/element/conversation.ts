import type { ChatMessage } from '../api.ts';

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

/**
 * Makes a request that is about so long at most. The question and the system prompt always stay; the site's context is cut at its
 * share of the room, and then the oldest exchanges are left out.
 *
 * @param room characters that all messages may have together
 */
export function fit({ system, context, past, question }: Material, room: number): Fitted {
  const fixed = system.length + question.length;
  const share = Math.max(0, Math.floor((room - fixed) * CONTEXT_SHARE));
  const known = context.length > share ? cutAt(context, share) : context;
  let left = room - fixed - known.length;
  let kept = past.length;
  while (kept > 0 && (left -= size(past[kept - 1]!)) >= 0) kept--;
  const instructions = [system, known].filter(Boolean).join('\n\n');
  const messages: ChatMessage[] = [
    ...(instructions ? [{ role: 'system' as const, content: instructions }] : []),
    ...past.slice(kept).flatMap(({ question, answer }): ChatMessage[] => [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ]),
    { role: 'user', content: question },
  ];
  return { messages, dropped: kept, cut: known.length < context.length };
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
  const piece = text.slice(0, length);
  const end = Math.max(piece.lastIndexOf('\n'), piece.lastIndexOf(' '));
  return end > length / 2 ? piece.slice(0, end) : piece;
}
