import type { ChatMessage } from '../api.ts';
import { notSupported } from './exceptions.ts';

/** Who says a message. */
export type LanguageModelRole = 'system' | 'user' | 'assistant';

/** A part of a message. Only text is understood. */
export interface LanguageModelContent {
  type: string;
  value: unknown;
}

/** A message, as the page writes it. */
export interface LanguageModelMessage {
  role: LanguageModelRole;
  content: string | readonly LanguageModelContent[];
  /** The answer is to go on with this message. Not supported. */
  prefix?: boolean;
}

/** What is asked: a text of the user's, or messages. */
export type LanguageModelInput = string | readonly LanguageModelMessage[];

/** Kinds of content and languages that the page expects. */
export interface LanguageModelExpected {
  type: string;
  languages?: readonly string[];
}

/**
 * Reads what the page asks.
 *
 * @param first whether nothing has been said before: only then may a system prompt come, as the first message
 * @throws TypeError for what is no message, and for a system prompt in the wrong place
 * @throws DOMException `NotSupportedError` for pictures, sound, tools and prefixes; `SyntaxError` for a prefix in the wrong place
 */
export function readInput(input: LanguageModelInput, first: boolean): ChatMessage[] {
  if (!Array.isArray(input)) return [{ role: 'user', content: String(input) }];
  const messages = input as readonly LanguageModelMessage[];
  return messages.map(({ role, content, prefix }, i) => {
    if (role !== 'system' && role !== 'user' && role !== 'assistant') throw new TypeError(`There is no role "${String(role)}".`);
    if (role === 'system' && !(first && i === 0)) throw new TypeError('The system prompt must be the first message of all.');
    if (prefix) {
      if (role !== 'assistant' || i < messages.length - 1) throw new DOMException('Only the last message, of the assistant, can be a prefix.', 'SyntaxError');
      throw notSupported('A prefix of the answer');
    }
    return { role, content: readContent(content) };
  });
}

/** Whether all that the page expects is text. */
export function isText(expected: readonly LanguageModelExpected[] | undefined): boolean {
  return (expected ?? []).every(({ type }) => type === 'text');
}

/**
 * The first language that the page expects and the model does not speak. Kinds of a language (`en-GB`) count as that language.
 *
 * @param spoken what the model speaks; where nobody knows, nothing is foreign to it
 * @throws RangeError for what is no language tag
 */
export function foreignLanguage(expected: readonly LanguageModelExpected[] | undefined, spoken: readonly string[]): string | undefined {
  const known = new Set(spoken.map((tag) => new Intl.Locale(tag).language));
  const asked = (expected ?? []).flatMap(({ languages = [] }) => languages.map((tag) => new Intl.Locale(tag).language));
  return known.size > 0 ? asked.find((language) => !known.has(language)) : undefined;
}

function readContent(content: LanguageModelMessage['content']): string {
  if (!Array.isArray(content)) return String(content);
  return (content as readonly LanguageModelContent[])
    .map(({ type, value }) => {
      if (type !== 'text') throw notSupported(`Content of the type "${String(type)}"`);
      if (typeof value !== 'string') throw new TypeError('The value of a text must be a string.');
      return value;
    })
    .join('');
}
