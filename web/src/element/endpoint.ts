import type { ChatMessage } from '../api.ts';
import { LinnetError } from '../index.ts';
import type { Answerer, AnswerOptions, AnswerPiece } from './answerer.ts';

/** What is assumed of a server's model, which does not say. */
const CONTEXT_LENGTH = 8192;
/** A line of a server's answer may be this long; a server that sends more is none that we know. */
const LONGEST_LINE = 1 << 20;
/** So much of why a server did not answer is read, in characters. */
const LONGEST_REASON = 2000;

/** A piece of an answer as OpenAI's API streams it; all of it is what a server says, and may be missing. */
interface Chunk {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
  usage?: { prompt_tokens?: number } | null;
  error?: { message?: string };
}

/** A server that speaks OpenAI's API: vLLM, llama.cpp's server, and many others. */
export class EndpointAnswerer implements Answerer {
  readonly by = 'endpoint';
  readonly contextLength = CONTEXT_LENGTH;
  readonly name: string;
  /** What a person agrees to send to. */
  readonly origin: string;
  readonly #url: URL;

  /**
   * @param address the API's root (`https://example.org/v1`), relative to `base`
   * @param model the model to ask for, where the server has several
   * @param headers sent along
   */
  constructor(
    address: string,
    base: string,
    private readonly model: string | undefined,
    private readonly headers: Readonly<Record<string, string>>,
  ) {
    this.#url = serverAddress(address, base);
    if (!this.#url.pathname.endsWith('/chat/completions')) this.#url.pathname = `${this.#url.pathname.replace(/\/+$/, '')}/chat/completions`;
    this.name = this.#url.host;
    this.origin = this.#url.origin;
  }

  async *answer(messages: readonly ChatMessage[], { maxTokens, temperature, signal }: AnswerOptions): AsyncGenerator<AnswerPiece> {
    const body = { messages, stream: true, max_tokens: maxTokens, ...(this.model ? { model: this.model } : {}), ...(temperature === undefined ? {} : { temperature }) };
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream', ...this.headers },
        body: JSON.stringify(body),
        signal,
        // What the person has on that server is none of the chat's business.
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        // The person knows of this server. Another one that it names would get the conversation and the headers.
        redirect: 'error',
      });
      if (!response.ok || !response.body) throw await refusal(response);
      for await (const data of serverEvents(response.body)) {
        if (data === '[DONE]') return;
        yield piece(JSON.parse(data) as Chunk);
      }
    } catch (error) {
      if (signal.aborted) throw new LinnetError('aborted', 'The operation was aborted.');
      if (error instanceof LinnetError) throw error;
      throw new LinnetError('network', 'The server could not be reached, redirected the request, or broke off its answer.', { endpoint: this.#url.href, cause: String(error) });
    }
  }
}

/** The address of a server. @throws LinnetError `invalid-request` if it is none */
export function serverAddress(address: string, base: string): URL {
  const bad = () => new LinnetError('invalid-request', `"${address}" is not the address of a server.`, { field: 'endpoint', endpoint: address });
  try {
    const url = new URL(address, base);
    // `fetch` refuses addresses with a name and a password.
    if (/^https?:$/.test(url.protocol) && !url.username && !url.password) return url;
  } catch {
    throw bad();
  }
  throw bad();
}

/** The `data` of server-sent events, in order. */
export async function* serverEvents(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const lines = (rest + (done ? '\n' : value)).split(/\r?\n/);
      rest = lines.pop()!;
      if (rest.length > LONGEST_LINE) throw new LinnetError('http', 'The server’s answer is not in the expected format.');
      for (const line of lines) {
        const data = line.startsWith('data:') ? line.slice(5).trim() : '';
        if (data) yield data;
      }
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function piece({ choices, usage, error }: Chunk): AnswerPiece {
  if (error) throw new LinnetError('http', error.message ?? 'The server failed.');
  const { delta, finish_reason } = choices?.[0] ?? {};
  return {
    ...(typeof delta?.content === 'string' ? { text: delta.content } : {}),
    ...(finish_reason ? { finishReason: finish_reason === 'length' ? 'length' : 'stop' } : {}),
    ...(usage?.prompt_tokens ? { promptTokens: usage.prompt_tokens } : {}),
  };
}

/** Why a server did not answer. The usual ones say when a question was too long. */
async function refusal(response: Response): Promise<LinnetError> {
  const text = await beginningOf(response.body);
  const details = { status: response.status };
  if (response.status === 400 && /context|too long|maximum.{0,20}tokens/i.test(text)) return new LinnetError('context-full', 'The conversation is too long for the server.', details);
  if (response.status === 404) return new LinnetError('not-found', 'There is no chat server at this address.', details);
  return new LinnetError('http', `The server answered with status ${response.status}.`, details);
}

/** The beginning of a text, however long it is. */
async function beginningOf(body: ReadableStream<Uint8Array<ArrayBuffer>> | null): Promise<string> {
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    while (reader && text.length < LONGEST_REASON) {
      const { done, value } = await reader.read();
      if (done) break;
      text += value;
    }
  } catch {
    // What has come of it has to do.
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
  return text.slice(0, LONGEST_REASON);
}
