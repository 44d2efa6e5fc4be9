import type { ChatRequest } from '../api/types.ts';

/** A message of a conversation, in OpenAI's shape. */
export type Message = ChatRequest['messages'][number];

/** The most tokens that a template adds to a message, or before the first one. */
const MESSAGE_MOST = 64;
/** Characters of a text that is not written as bytes only to count them. */
const LONG = 1_000_000;

/** A conversation: its messages, and its tokens. */
export class Conversation {
  /** Never left out: the initial prompts, and later system prompts. */
  initial: Message[] = [];
  /** The exchanges since: a question with its answer, or messages that were appended together. */
  exchanges: Message[][] = [];
  /** Tokens of the whole conversation. */
  usage = 0;

  get messages(): Message[] {
    return [...this.initial, ...this.exchanges.flat()];
  }

  get isEmpty(): boolean {
    return this.initial.length === 0 && this.exchanges.length === 0;
  }

  /** Adds messages as an exchange; results of tools belong to the exchange with their calls. */
  add(messages: Message[]): void {
    if (messages.length === 0) return;
    const last = this.exchanges.at(-1);
    const joins = last !== undefined && beginsWithResults(messages);
    this.exchanges = joins ? [...this.exchanges.slice(0, -1), [...last, ...messages]] : [...this.exchanges, messages];
  }

  clone(): Conversation {
    const copy = new Conversation();
    copy.initial = [...this.initial];
    copy.exchanges = [...this.exchanges];
    copy.usage = this.usage;
    return copy;
  }
}

/** Whether messages begin with results of tools, which answer the calls before them. */
export function beginsWithResults(messages: readonly Message[]): boolean {
  return messages.find(({ role }) => role !== 'user')?.role === 'tool';
}

/** The most tokens that messages can have: no token is shorter than a byte. */
export function mostTokens(messages: readonly Message[]): number {
  const bytes = messages.reduce((sum, message) => sum + bytesOf(message), 0);
  return bytes + MESSAGE_MOST * (messages.length + 1);
}

/** The most bytes that a template may write for a message, or for the declaration of tools. */
export function bytesOf(value: unknown): number {
  const { content, ...others } = value as { content?: unknown };
  const texts = [typeof content === 'string' ? content : '', JSON.stringify(others)];
  return texts.reduce((sum, text) => sum + (text.length > LONG ? 3 * text.length : encoder.encode(text).length), 0);
}

const encoder = new TextEncoder();
