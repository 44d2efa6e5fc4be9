import { LinnetError } from '../../index.ts';
import type { AnswerPiece } from './answerer.ts';
import { isRecord, isText } from '../shell/values.ts';
import { type CallPiece, callPiece } from '../tools/rounds.ts';
import { ThinkTags } from './think-tags.ts';

// Reads a server's response, which may be anything: it is read as OpenAI's API, and anything else is reported.

/** The most characters of a line, or of an answer that is not streamed. No known server sends more. */
const LONGEST = 1 << 20;
/** The most tool calls of a response. */
const MOST_CALLS = 32;
/** The most characters of a response that the site's owner is shown. */
const LONGEST_QUOTE = 80;

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Yields the parts of a server's answer: from an event stream, or the whole answer of a server that does not stream.
 *
 * @throws LinnetError `http` if it is not an answer, `network` if it breaks off, `context-full`
 */
export async function* answerPieces(response: Response): AsyncGenerator<AnswerPiece> {
  const type = (response.headers.get('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase();
  const { body } = response;
  if (type === 'text/html') {
    void body?.cancel().catch(() => undefined);
    throw unexpected('a web page (text/html)');
  }
  const tags = new ThinkTags();
  if (type === 'application/json') return yield tags.split(pieceOf(parsed(await textOf(body, LONGEST)), 'message'));
  let known = false;
  let ended = false;
  for await (const data of body ? serverEvents(body) : []) {
    ended ||= data === '[DONE]';
    if (data === '[DONE]') break;
    const piece = pieceOf(parsed(data), 'delta');
    known = true;
    ended ||= piece.finishReason !== undefined;
    yield tags.split(piece);
  }
  if (!known)
    throw unexpected(
      type === 'text/event-stream' ? 'an empty event stream' : `${type || 'something without a Content-Type'}`,
    );
  if (!ended)
    throw new LinnetError('network', 'The server broke off its answer: it ended without finish_reason and [DONE].', {
      begun: true,
    });
}

/**
 * Yields the `data` of server-sent events, in order. An `error` field, as llama.cpp's server sends it, counts as data.
 */
export async function* serverEvents(body: Body): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const lines = (rest + (done ? '\n' : value)).split(/\r?\n/);
      rest = lines.pop()!;
      if (rest.length > LONGEST) throw unexpected('a line of more than a million characters');
      for (const line of lines) {
        const [, field, data] = /^(data|error):\s*(.*?)\s*$/.exec(line) ?? [];
        if (data) yield field === 'error' ? `{"error":${data}}` : data;
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** The beginning of a text of any length, or the part that arrived before it broke off. */
export async function textOf(body: Body | null, most: number): Promise<string> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    while (reader && text.length < most) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
  } catch {
    // The part that arrived must do.
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
  return text.slice(0, most);
}

/** The error of a server that gives a reason. The common servers' reasons tell when a question was too long. */
export function refusalOf(text: string, error: LinnetError): LinnetError {
  const long = /context|too long|maximum.{0,20}tokens/i.test(text);
  return long ? new LinnetError('context-full', 'The conversation is too long for the server.', error.details) : error;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // The text itself is shown.
  }
  throw unexpected(text ? `"${text.slice(0, LONGEST_QUOTE)}"` : 'an empty answer');
}

/** @param part where the text is: `delta` in a stream, `message` in a whole answer */
function pieceOf(chunk: Record<string, unknown>, part: 'delta' | 'message'): AnswerPiece {
  const { error, object, choices, usage } = chunk;
  // vLLM sends errors as separate objects.
  const fault = error ?? (object === 'error' ? chunk : undefined);
  if (fault !== undefined && fault !== null) {
    const said = isRecord(fault) ? fault['message'] : fault;
    const text = isText(said) && said ? said : 'The server failed.';
    throw refusalOf(text, new LinnetError('http', text));
  }
  if (!Array.isArray(choices))
    throw unexpected(`JSON that is not a chat.completion (${JSON.stringify(chunk).slice(0, LONGEST_QUOTE)})`);
  const choice: unknown = choices[0];
  // In a stream there may be none, next to `usage`.
  if (part === 'message' && !isRecord(choice)) throw unexpected('a chat.completion without choices');
  const { [part]: held, finish_reason } = isRecord(choice) ? choice : {};
  const { content, tool_calls, reasoning_content, reasoning = reasoning_content } = isRecord(held) ? held : {};
  const calls = Array.isArray(tool_calls) ? tool_calls.slice(0, MOST_CALLS).flatMap(callOf) : [];
  const tokens = isRecord(usage) ? usage['prompt_tokens'] : undefined;
  return {
    ...(isText(content) ? { text: content } : {}),
    ...(isText(reasoning) && reasoning ? { reasoning } : {}),
    ...(calls.length > 0 ? { calls } : {}),
    ...(finish_reason ? { finishReason: finish_reason === 'length' ? 'length' : 'stop' } : {}),
    ...(typeof tokens === 'number' && tokens > 0 ? { promptTokens: tokens } : {}),
  };
}

/** A piece of a tool call. `position`: its place where it has no `index`, as in a whole answer. */
function callOf(call: unknown, position: number): CallPiece[] {
  if (!isRecord(call)) return [];
  const { index, id } = call;
  const called = isRecord(call['function']) ? call['function'] : {};
  const { name, arguments: args } = called;
  return [
    callPiece({
      index: typeof index === 'number' ? index : position,
      ...(isText(id) && id ? { id } : {}),
      function: {
        ...(isText(name) && name ? { name } : {}),
        // Some servers send the arguments as an object.
        ...(isText(args) ? { arguments: args } : isRecord(args) ? { arguments: JSON.stringify(args) } : {}),
      },
    }),
  ];
}

/** The error for the site's owner if the address is not a server, or has another API. */
function unexpected(came: string): LinnetError {
  const text =
    `The server answered with ${came}, but must answer with an event stream of OpenAI's chat completions. ` +
    'Check the address of the endpoint.';
  return new LinnetError('http', text, { came, expected: 'text/event-stream' });
}
