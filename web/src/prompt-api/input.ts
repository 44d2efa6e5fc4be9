import type { ChatMessage } from '../api/types.ts';
import { notSupported } from './exceptions.ts';
import { dictionary, elementsOf, enumeration, required, sequence, string } from './webidl.ts';

const ROLES = ['system', 'user', 'assistant'] as const;
const TYPES = ['text', 'image', 'audio', 'tool-call', 'tool-response'] as const;

/** The author of a message. */
export type LanguageModelRole = (typeof ROLES)[number];

/** A part of a message. Only text is supported. */
export interface LanguageModelContent {
  type: string;
  value: unknown;
}

/** A message, as the page passes it. */
export interface LanguageModelMessage {
  role: LanguageModelRole;
  content: string | readonly LanguageModelContent[];
  /** The answer continues this message, the last one, of the assistant. */
  prefix?: boolean;
}

/** A prompt: the user's text, or messages. */
export type LanguageModelInput = string | readonly LanguageModelMessage[];

/** Kinds of content and languages that the page expects. */
export interface LanguageModelExpected {
  type: string;
  languages?: readonly string[];
}

/** A message with members of the right types; its content may still be unsupported. */
export interface ConvertedMessage {
  role: LanguageModelRole;
  content: { type: (typeof TYPES)[number]; value: unknown }[];
  prefix: boolean;
}

/** An expectation, with its languages in canonical form. */
export interface Expected {
  type: (typeof TYPES)[number];
  languages: string[];
}

/**
 * Converts a prompt as Web IDL does: an object that is not iterable becomes a string, as does anything else.
 *
 * @throws TypeError for a list with anything but messages
 */
export function convertInput(input: unknown): ConvertedMessage[] {
  return elementsOf(input)?.map(convertMessage) ?? [{ role: 'user', content: [text(input)], prefix: false }];
}

/** Messages for the engine. */
export interface ValidInput {
  messages: ChatMessage[];
  /** Whether the answer continues the last message. */
  prefix: boolean;
}

/**
 * Checks messages by the rules of the specification. An empty list stays one.
 *
 * @throws TypeError for a system prompt that is not the first message, and for text that is not a string
 * @throws DOMException `NotSupportedError` for all but text; `SyntaxError` for a prefix in the wrong place
 */
export function validateInput(converted: readonly ConvertedMessage[]): ValidInput {
  const messages = converted.map(({ role, content, prefix }, i) => {
    if (prefix && (role !== 'assistant' || i < converted.length - 1)) {
      throw new DOMException('Only the last message, of the assistant, can be a prefix.', 'SyntaxError');
    }
    if (role === 'system' && i > 0) throw lateSystemPrompt();
    const texts = content.map(({ type, value }) => {
      if (type !== 'text') throw notSupported(`Content of the type "${type}"`);
      if (typeof value !== 'string') throw new TypeError('The value of a text must be a string.');
      return value;
    });
    return { role, content: texts.join('') };
  });
  return { messages, prefix: converted.at(-1)?.prefix ?? false };
}

/** The error of a system prompt that comes after other messages. */
export function lateSystemPrompt(): TypeError {
  return new TypeError('The system prompt must be the first message of all.');
}

/** @throws RangeError for an invalid language tag */
export function convertExpected(value: unknown, what: string): Expected[] {
  if (value === undefined) return [];
  return sequence(value, what, (element) => {
    const members = dictionary(element, what);
    const { languages } = members;
    const tags = languages === undefined ? [] : sequence(languages, `${what}.languages`, string);
    const type = enumeration(required(members, 'type', what), `${what}.type`, TYPES);
    return { type, languages: Intl.getCanonicalLocales(tags) };
  });
}

/**
 * The first expected language that the model does not support. Variants (`en-GB`) count as the language.
 *
 * @param spoken the model's languages; if unknown, all count as supported
 */
export function foreignLanguage(expected: readonly Expected[], spoken: readonly string[]): string | undefined {
  const known = new Set(spoken.map((tag) => new Intl.Locale(tag).language));
  const asked = expected.flatMap(({ languages }) => languages.map((tag) => new Intl.Locale(tag).language));
  return known.size > 0 ? asked.find((language) => !known.has(language)) : undefined;
}

function convertMessage(value: unknown): ConvertedMessage {
  const members = dictionary(value, 'A message');
  const content = required(members, 'content', 'A message');
  const parts = elementsOf(content)?.map(convertContent) ?? [text(content)];
  const prefix = Boolean(members['prefix']);
  return { role: enumeration(required(members, 'role', 'A message'), 'The role', ROLES), content: parts, prefix };
}

function convertContent(element: unknown): ConvertedMessage['content'][number] {
  const members = dictionary(element, 'A part of a message');
  const type = enumeration(required(members, 'type', 'A part of a message'), 'The type', TYPES);
  const value = required(members, 'value', 'A part of a message');
  return { type, value: isMedia(value) ? value : string(value) };
}

function text(value: unknown): ConvertedMessage['content'][number] {
  return { type: 'text', value: string(value) };
}

/** Non-string types that the interface accepts: images, audio and bytes. Anything else becomes a string. */
const MEDIA = [
  ...['Blob', 'File', 'ImageData', 'ImageBitmap', 'VideoFrame', 'OffscreenCanvas', 'AudioBuffer', 'ArrayBuffer'],
  ...['HTMLCanvasElement', 'HTMLImageElement', 'HTMLVideoElement', 'SVGImageElement'],
].map((name) => `[object ${name}]`);

function isMedia(value: unknown): boolean {
  return ArrayBuffer.isView(value) || MEDIA.includes(Object.prototype.toString.call(value));
}
