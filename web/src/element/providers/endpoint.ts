import { LinnetError } from '../../index.ts';
import type { Answerer, AnswerOptions, AnswerPiece, Messages } from './answerer.ts';
import { wellFormed } from '../../protocol/plain.ts';
import { answerPieces, refusalOf, textOf } from './endpoint-answer.ts';
import { serverAddress } from '../shell/server-address.ts';
import { definitionsOf } from '../tools/page-tool.ts';

/** The assumed context length of a server's model, which the API does not tell. */
const CONTEXT_LENGTH = 8192;
/** The most characters that are read of a server's error. */
const LONGEST_REASON = 2000;

/** A server with OpenAI's API: vLLM, llama.cpp's server, and many others. */
export class EndpointAnswerer implements Answerer {
  readonly by = 'endpoint';
  readonly contextLength = CONTEXT_LENGTH;
  /** OpenAI's API has no field for it that all servers know. */
  readonly thinkingSwitch = false;
  readonly name: string;
  /** The origin that the person agrees to send to. */
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
    if (!this.#url.pathname.endsWith('/chat/completions'))
      this.#url.pathname = `${this.#url.pathname.replace(/\/+$/, '')}/chat/completions`;
    this.name = this.#url.host;
    this.origin = this.#url.origin;
  }

  async *answer(
    messages: Messages,
    { maxTokens, temperature, tools, toolChoice, signal }: AnswerOptions,
  ): AsyncGenerator<AnswerPiece> {
    const body = {
      messages,
      stream: true,
      max_tokens: maxTokens,
      ...(this.model ? { model: this.model } : {}),
      ...(temperature === undefined ? {} : { temperature }),
      ...(tools?.length ? { tools: definitionsOf(tools) } : {}),
      ...(tools?.length && toolChoice ? { tool_choice: toolChoice } : {}),
    };
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', Accept: 'text/event-stream', ...this.headers },
        body: JSON.stringify(body, sendable),
        signal,
        // The person's session on that server does not concern the chat.
        credentials: 'omit',
        referrerPolicy: 'no-referrer',
        // The person agreed to this server. A redirect would send the conversation and the headers to another one.
        redirect: 'error',
      });
      if (!response.ok) throw await refusal(response);
      yield* answerPieces(response);
    } catch (error) {
      if (signal.aborted) throw new LinnetError('aborted', 'The operation was aborted.');
      if (error instanceof LinnetError) throw error;
      throw new LinnetError(
        'network',
        'The server could not be reached, redirected the request, or broke off its answer.',
        { endpoint: this.#url.href, cause: String(error) },
      );
    }
  }
}

/** Many servers reject lone surrogates, which a site's texts may have where it cut them. */
function sendable(_: string, value: unknown): unknown {
  return typeof value === 'string' ? wellFormed(value) : value;
}

/** Why a server did not answer. */
async function refusal(response: Response): Promise<LinnetError> {
  const { status, body } = response;
  const text = await textOf(body, LONGEST_REASON);
  const error = new LinnetError(
    status === 404 ? 'not-found' : 'http',
    status === 404 ? 'There is no chat server at this address.' : `The server answered with status ${status}.`,
    { status },
  );
  return status === 400 ? refusalOf(text, error) : error;
}
