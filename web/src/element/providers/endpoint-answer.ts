import { LinnetError } from '../../index.ts';
import type { AnswerPiece } from './answerer.ts';
import { isRecord, isText } from '../shell/values.ts';

// What a server says, which may be anything: it is read as OpenAI's API has it, and anything else is named.

/** Characters of a line, or of an answer that comes as a whole: a server that sends more is none that we know. */
const LONGEST = 1 << 20;
/** Characters of an answer that are shown to the site's owner. */
const LONGEST_QUOTE = 80;

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * The pieces of a server's answer: of an event stream, or all of it at once from a server that does not stream.
 *
 * @throws LinnetError `http` for what is no answer, `network` if it breaks off, `context-full`
 */
export async function* answerPieces(response: Response): AsyncGenerator<AnswerPiece> {
  const type = (response.headers.get('Content-Type') ?? '').split(';')[0]!.trim().toLowerCase();
  const { body } = response;
  if (type === 'text/html') {
    void body?.cancel().catch(() => undefined);
    throw unexpected('a web page (text/html)');
  }
  if (type === 'application/json') return yield pieceOf(parsed(await textOf(body, LONGEST)), 'message');
  let known = false;
  let ended = false;
  for await (const data of body ? serverEvents(body) : []) {
    ended ||= data === '[DONE]';
    if (data === '[DONE]') break;
    const piece = pieceOf(parsed(data), 'delta');
    known = true;
    ended ||= piece.finishReason !== undefined;
    yield piece;
  }
  if (!known) throw unexpected(type === 'text/event-stream' ? 'an empty event stream' : `${type || 'something without a Content-Type'}`);
  if (!ended) throw new LinnetError('network', 'The server broke off its answer: it ended without finish_reason and [DONE].', { begun: true });
}

/** The `data` of server-sent events, in order. An `error` field, which llama.cpp's server sends, is as data that says so. */
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

/** The beginning of a text, however long it is, and what has come of it if it breaks off. */
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
    // What has come of it has to do.
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
  return text.slice(0, most);
}

/** The error of a server that says why it does not answer. The usual ones say when a question was too long. */
export function refusalOf(text: string, error: LinnetError): LinnetError {
  const long = /context|too long|maximum.{0,20}tokens/i.test(text);
  return long ? new LinnetError('context-full', 'The conversation is too long for the server.', error.details) : error;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {
    // It is shown.
  }
  throw unexpected(text ? `"${text.slice(0, LONGEST_QUOTE)}"` : 'an empty answer');
}

/** @param part where its text is: `delta` in a stream, `message` in an answer that comes as a whole */
function pieceOf(chunk: Record<string, unknown>, part: 'delta' | 'message'): AnswerPiece {
  const { error, object, choices, usage } = chunk;
  // vLLM has its errors as objects of their own.
  const fault = error ?? (object === 'error' ? chunk : undefined);
  if (fault !== undefined && fault !== null) {
    const said = isRecord(fault) ? fault['message'] : fault;
    const text = isText(said) && said ? said : 'The server failed.';
    throw refusalOf(text, new LinnetError('http', text));
  }
  if (!Array.isArray(choices)) throw unexpected(`JSON that is no chat.completion (${JSON.stringify(chunk).slice(0, LONGEST_QUOTE)})`);
  const choice: unknown = choices[0];
  // In a stream there may be none, beside `usage`.
  if (part === 'message' && !isRecord(choice)) throw unexpected('a chat.completion without choices');
  const { [part]: held, finish_reason } = isRecord(choice) ? choice : {};
  const content = isRecord(held) ? held['content'] : undefined;
  const tokens = isRecord(usage) ? usage['prompt_tokens'] : undefined;
  return {
    ...(isText(content) ? { text: content } : {}),
    ...(finish_reason ? { finishReason: finish_reason === 'length' ? 'length' : 'stop' } : {}),
    ...(typeof tokens === 'number' && tokens > 0 ? { promptTokens: tokens } : {}),
  };
}

/** What the site's owner reads of a server that is none, or has another API. */
function unexpected(came: string): LinnetError {
  const text = `The server answered with ${came}, but must answer with an event stream of OpenAI's chat completions. Check the address of the endpoint.`;
  return new LinnetError('http', text, { came, expected: 'text/event-stream' });
}
