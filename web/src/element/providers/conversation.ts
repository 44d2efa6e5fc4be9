import { assistantMessage } from '../../api/answer-parts.ts';
import { cutText } from '../../markdown.ts';
import { argumentsOf, INCOMPLETE, NO_ANSWER } from '../../api/tool-calls.ts';
import type { Round } from '../tools/rounds.ts';
import type { Messages } from './answerer.ts';

/** A question and its answer; the answer is empty until it arrives. */
export interface Exchange {
  question: string;
  /** All text of the answer. */
  answer: string;
  /** The answer's rounds, if it has tool calls. */
  rounds?: readonly Round[] | undefined;
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
  /** What the model has already written and called to answer it. */
  rounds?: readonly Round[];
}

type Message = Messages[number];

/** Messages that fit, and what was left out. */
export interface Fitted {
  messages: Message[];
  /** The number of oldest exchanges that were left out. */
  dropped: number;
  /** Whether the site's context was cut. */
  cut: boolean;
}

/** The share of the room for the site's context; the rest is for the conversation. */
const CONTEXT_SHARE = 0.5;
/** How far the cut of the site's context may be off before it is cut again. */
const CONTEXT_SLACK = 0.2;
/** The most of the room that one result of a tool may take. */
const RESULT_SHARE = 0.25;
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
  fit({ system, context, past, question, rounds = [] }: Material, room: number): Fitted {
    const known = this.#known(context, Math.max(0, Math.floor((room - system.length) * CONTEXT_SHARE)));
    const longest = Math.floor(room * RESULT_SHARE);
    const sizes = past.map((exchange) => sizeOf(exchangeMessages(exchange, longest)));
    const now = [{ role: 'user' as const, content: question }, ...roundMessages(rounds, longest, true)];
    this.#drop(sizes, room - system.length - known.length - charactersOf(now));
    const instructions = [system, known].filter(Boolean).join('\n\n');
    const messages: Message[] = [
      ...(instructions ? [{ role: 'system' as const, content: instructions }] : []),
      ...past.slice(this.#dropped).flatMap((exchange) => exchangeMessages(exchange, longest)),
      ...now,
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

  /** @param sizes the size of each exchange */
  #drop(sizes: readonly number[], room: number): void {
    this.#dropped = Math.min(this.#dropped, sizes.length);
    let sum = sizes.slice(this.#dropped).reduce((sum, size) => sum + size, 0);
    if (sum <= room) return;
    while (this.#dropped < sizes.length && sum > room * KEPT_SHARE) {
      // The newest exchange stays if it fits at all.
      if (this.#dropped === sizes.length - 1 && sum <= room) return;
      sum -= sizes[this.#dropped++]!;
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

  /** Records the number of tokens of messages. `more`: characters of the prompt besides them. */
  learn(messages: Messages, tokens: number, more = 0): void {
    if (tokens > 0) this.#charactersPerToken = Math.min(8, Math.max(0.5, (charactersOf(messages) + more) / tokens));
  }

  /** Characters that fit into this many tokens. */
  characters(tokens: number): number {
    return Math.floor(tokens * this.#charactersPerToken);
  }
}

function exchangeMessages({ question, answer, rounds }: Exchange, longest: number): Message[] {
  const written = rounds ? roundMessages(rounds, longest, false) : [{ role: 'assistant' as const, content: answer }];
  const unanswered = written.at(-1)?.role !== 'assistant';
  return [
    { role: 'user', content: question },
    ...written,
    ...(unanswered ? [{ role: 'assistant' as const, content: NO_ANSWER }] : []),
  ];
}

/**
 * The messages of an answer's rounds.
 *
 * @param longest the most characters of a result
 * @param current whether it is the current answer: models go on with its reasoning; that of earlier answers is not sent
 */
function roundMessages(rounds: readonly Round[], longest: number, current: boolean): Message[] {
  return rounds.flatMap(({ text, reasoning, calls = [] }): Message[] => {
    if (calls.length === 0) return text ? [{ role: 'assistant', content: text }] : [];
    const told = calls.map(({ id, name, arguments: args }) => ({
      id,
      type: 'function' as const,
      // Servers and templates reject anything but an object. The result says what the model wrote instead.
      function: { name: name || 'unknown', arguments: argumentsOf(args) && args.trim() ? args : '{}' },
    }));
    return [
      assistantMessage(text, current ? reasoning : undefined, told),
      ...calls.map(({ id, name, result = INCOMPLETE }) => ({
        role: 'tool' as const,
        tool_call_id: id,
        name: name || 'unknown',
        content: result.length > longest ? `${cutText(result, longest)}…` : result,
      })),
    ];
  });
}

function sizeOf(messages: Messages): number {
  // The template adds some tokens to each message.
  return charactersOf(messages) + 12 * messages.length;
}

function charactersOf(messages: Messages): number {
  return messages.reduce((sum, message) => {
    const calls = 'tool_calls' in message ? message : undefined;
    const more = calls ? JSON.stringify(calls.tool_calls).length + (calls.reasoning_content?.length ?? 0) : 0;
    return sum + (message.content?.length ?? 0) + more;
  }, 0);
}

/** The beginning of a text, cut at the end of a line or word. */
function cutAt(text: string, length: number): string {
  const piece = cutText(text, length);
  const end = Math.max(piece.lastIndexOf('\n'), piece.lastIndexOf(' '));
  return end > length / 2 ? piece.slice(0, end) : piece;
}
