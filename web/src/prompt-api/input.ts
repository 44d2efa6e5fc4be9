import { assistantMessage } from '../api/answer-parts.ts';
import type { ChatToolCall } from '../api/chat-types.ts';
import type { Message } from './conversation.ts';
import { notSupported } from './exceptions.ts';
import { isToolValue, LanguageModelToolCall, LanguageModelToolError, LanguageModelToolSuccess } from './tool-values.ts';
import { dictionary, elementsOf, enumeration, required, sequence, string } from './webidl.ts';

const ROLES = ['system', 'user', 'assistant'] as const;
const TYPES = ['text', 'image', 'audio', 'tool-call', 'tool-response'] as const;

/** The author of a message. */
export type LanguageModelRole = (typeof ROLES)[number];

/** A part of a message: `text`; or, of a session with tools, `tool-call` or `tool-response`. */
export interface LanguageModelContent {
  type: string;
  value: unknown;
}

/** A part of an answer. */
export type LanguageModelOutput = { type: 'text'; value: string } | { type: 'tool-call'; value: LanguageModelToolCall };

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
  messages: Message[];
  /** Whether the answer continues the last message. */
  prefix: boolean;
}

/**
 * Checks messages by the rules of the specification. An empty list stays one.
 *
 * @param expected the types of content that the session expects besides text
 * @throws TypeError for a system prompt that is not the first message, for text that is not a string, and for calls and
 * results of tools from the wrong author
 * @throws DOMException `NotSupportedError` for content that the session does not expect; `SyntaxError` for a prefix in
 * the wrong place; `DataError` for arguments and results that JSON cannot express
 */
export function validateInput(converted: readonly ConvertedMessage[], expected: readonly Expected[] = []): ValidInput {
  const types = new Set<string>(['text', ...expected.map(({ type }) => type)]);
  const messages = converted.flatMap((message, i) => {
    const { role, content, prefix } = message;
    const isCall = content.some(({ type }) => type === 'tool-call');
    if (prefix && (role !== 'assistant' || i < converted.length - 1 || isCall)) {
      throw new DOMException('Only the last message can be a prefix, and its role must be assistant.', 'SyntaxError');
    }
    if (role === 'system' && i > 0) throw lateSystemPrompt();
    for (const { type } of content) {
      const author = AUTHORS[type];
      if (author && role !== author) throw new TypeError(`Only the ${author} can send content of the type "${type}".`);
      if (!types.has(type)) throw notSupported(`Content of the type "${type}"`);
    }
    return role === 'user' ? userMessages(content) : [messageOf(role, content)];
  });
  return { messages, prefix: converted.at(-1)?.prefix ?? false };
}

/** Who sends the content of a type. */
const AUTHORS: Record<string, LanguageModelRole> = { 'tool-call': 'assistant', 'tool-response': 'user' };

/** A user's message. The results in it become messages of their own, before its text: they follow their calls. */
function userMessages(content: ConvertedMessage['content']): Message[] {
  const results = content.flatMap(({ type, value }) => (type === 'tool-response' ? [resultOf(value)] : []));
  const texts = content.flatMap(({ type, value }) => (type === 'tool-response' ? [] : [textOf(value)]));
  if (results.length > 0 && texts.length === 0) return results;
  return [...results, { role: 'user', content: texts.join('') }];
}

/** A message of another author. */
function messageOf(role: 'system' | 'assistant', content: ConvertedMessage['content']): Message {
  const calls = content.flatMap(({ type, value }) => (type === 'tool-call' ? [callOf(value)] : []));
  const texts = content.flatMap(({ type, value }) => (type === 'tool-call' ? [] : [textOf(value)]));
  const said = texts.join('');
  return role === 'assistant' ? assistantMessage(said, undefined, calls) : { role, content: said };
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('The value of a text must be a string.');
  return value;
}

function callOf(value: unknown): ChatToolCall {
  if (!(value instanceof LanguageModelToolCall))
    throw new TypeError('The value of a tool call must be a LanguageModelToolCall.');
  const { callId: id, name, arguments: args } = value;
  if (Object.prototype.toString.call(args) !== '[object Object]') throw dataError('The arguments of a tool call');
  return { id, type: 'function', function: { name, arguments: json(args, 'The arguments of a tool call') } };
}

function resultOf(value: unknown): Message {
  const isError = value instanceof LanguageModelToolError;
  if (!isError && !(value instanceof LanguageModelToolSuccess))
    throw new TypeError('The value of a tool response must be a LanguageModelToolSuccess or LanguageModelToolError.');
  const content = isError
    ? `Error: ${value.errorMessage}`
    : value.result
        .map((part) => {
          if (part.type === 'image' || part.type === 'audio')
            throw notSupported(`A tool result of the type "${part.type}"`);
          if (isMedia(part.value)) throw dataError('A tool result');
          return typeof part.value === 'string' ? part.value : json(part.value, 'A tool result');
        })
        .join('\n');
  // A call without an id is found by its place.
  return { role: 'tool', ...(value.callId ? { tool_call_id: value.callId } : {}), name: value.name, content };
}

/** @throws DOMException `DataError` for what JSON cannot express; exceptions of getters are thrown as they are */
function json(value: unknown, what: string): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (error) {
    // For a BigInt, and for an object that contains itself.
    if (!(error instanceof TypeError)) throw error;
  }
  if (text === undefined) throw dataError(what);
  return text;
}

function dataError(what: string): DOMException {
  return new DOMException(`${what} must be plain data.`, 'DataError');
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
  return { type, value: isMedia(value) || isToolValue(value) ? value : string(value) };
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
