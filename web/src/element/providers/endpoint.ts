import type { ChatMessage } from '../../api/types.ts';
import { LinnetError } from '../../index.ts';
import type { Answerer, AnswerOptions, AnswerPiece } from './answerer.ts';
import { answerPieces, refusalOf, textOf } from './endpoint-answer.ts';
import { serverAddress } from '../shell/server-address.ts';

/** What is assumed of a server's model, which does not say. */
const CONTEXT_LENGTH = 8192;
/** So much of why a server did not answer is read, in characters. */
const LONGEST_REASON = 2000;

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
      if (!response.ok) throw await refusal(response);
      yield* answerPieces(response);
    } catch (error) {
      if (signal.aborted) throw new LinnetError('aborted', 'The operation was aborted.');
      if (error instanceof LinnetError) throw error;
      throw new LinnetError('network', 'The server could not be reached, redirected the request, or broke off its answer.', { endpoint: this.#url.href, cause: String(error) });
    }
  }
}

/** Why a server did not answer. */
async function refusal(response: Response): Promise<LinnetError> {
  const { status, body } = response;
  const text = await textOf(body, LONGEST_REASON);
  const error = new LinnetError(status === 404 ? 'not-found' : 'http', status === 404 ? 'There is no chat server at this address.' : `The server answered with status ${status}.`, { status });
  return status === 400 ? refusalOf(text, error) : error;
}
