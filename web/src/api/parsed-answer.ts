import type { ChatCompletion } from './types.ts';
import { reading } from '../protocol/plain.ts';

// Answers with their JSON parsed, as the helper `parse` of OpenAI's SDK returns them.

type Choice = ChatCompletion<string | null>['choices'][0];

/**
 * A whole answer with its JSON parsed.
 *
 * @typeParam T the type of the JSON value
 */
export interface ParsedChatCompletion<T> extends Omit<ChatCompletion<string | null>, 'choices'> {
  choices: [Choice & { message: { parsed: T | null; refusal: null } }];
}

/** A format that parses the answer itself, such as that of `zodResponseFormat` in OpenAI's SDK. */
export interface ParsingFormat<T> {
  /** @throws anything, for text that it does not accept */
  $parseRaw(text: string): T;
}

/**
 * Returns what parses the content of the answer; `undefined` if the request asks for no JSON.
 *
 * @throws LinnetError `invalid-request` for a format that cannot be read
 */
export function parserOf(request: unknown): ((text: string) => unknown) | undefined {
  const field = 'response_format';
  const read = () => {
    const format = (request as { [field]?: Partial<ParsingFormat<unknown>> & { type?: string } } | null)?.[field];
    if (!format || format.type === 'text') return undefined;
    const { $parseRaw: parse } = format;
    return typeof parse === 'function' ? parse.bind(format) : jsonOf;
  };
  return reading(() => field, read);
}

/** Adds the parsed content to an answer. An answer that is cut, or that calls tools, has none. */
export function withParsed<T>(
  answer: ChatCompletion<string | null>,
  parse: ReturnType<typeof parserOf>,
): ParsedChatCompletion<T> {
  const [choice] = answer.choices;
  const { content } = choice.message;
  const isWhole = choice.finish_reason === 'stop' && content;
  const parsed = (isWhole && parse ? parse(content) : null) as T | null;
  return { ...answer, choices: [{ ...choice, message: { ...choice.message, refusal: null, parsed } }] };
}

/** The JSON value of a text; `null` if one of the request's `stop` texts has cut it. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
