import type { ChatMessage } from '../../src/api/types.ts';
import { ChatCompletions } from '../../src/api/completions.ts';
import { aborted, LinnetError } from '../../src/protocol/errors.ts';
import type { GenerationEvent, ToolCallDelta } from '../../src/protocol/generated.ts';

/** What a token of a scripted answer says. */
export interface SaidToken {
  text?: string;
  reasoning?: string;
  tool_calls?: ToolCallDelta[];
}

/** The pieces of a tool call: its name, then its arguments in pieces of five characters. */
export function callOf(name: string, args: object | string, index = 0, id = `call_${index}`): SaidToken[] {
  const text = typeof args === 'string' ? args : JSON.stringify(args);
  const pieces = text.match(/[^]{1,5}/g) ?? [];
  return [
    { tool_calls: [{ index, id, name, arguments: '' }] },
    ...pieces.map((piece) => ({ tool_calls: [{ index, arguments: piece }] })),
  ];
}

/**
 * A fake chat engine. Each word is a token, and each message has one more. It streams `answer(messages)` word by word,
 * or token by token, and records the `requests`.
 */
export class FakeChat {
  readonly requests: Record<string, any>[] = [];
  disposed = false;
  /** Whether answers are cut by the limit of their length. */
  cuts = false;
  /** The events of the first answers, in order, instead of those that {@link answer} gives. */
  recorded: readonly (readonly GenerationEvent[])[] = [];
  /** The error of the next request. */
  failure: LinnetError | undefined;
  answer = (messages: readonly ChatMessage[]): string | readonly SaidToken[] =>
    `re: ${String(messages.at(-1)?.content)}`;
  readonly chat: { completions: ChatCompletions };

  constructor(readonly contextLength = 1000) {
    this.chat = {
      completions: new ChatCompletions(
        (request, { signal }) => this.#generate(request as Record<string, any>, signal),
        'fake',
      ),
    };
  }

  info(): { model: { name: string; context_length: number } } {
    return { model: { name: 'Fake', context_length: this.contextLength } };
  }

  async countTokens({ messages }: { messages: readonly ChatMessage[] }): Promise<number> {
    if (this.failure) throw this.failure;
    return tokensOf(messages);
  }

  dispose(): void {
    this.disposed = true;
  }

  async *#generate(request: Record<string, any>, signal: AbortSignal | undefined): AsyncGenerator<GenerationEvent> {
    this.requests.push(request);
    if (this.failure) throw this.failure;
    const recorded = this.recorded[this.requests.length - 1];
    if (recorded) return yield* recorded;
    const messages = request['messages'] as ChatMessage[];
    const prompt_tokens = tokensOf(messages);
    if (prompt_tokens >= this.contextLength)
      throw new LinnetError('context-full', 'too long', { prompt_tokens, context_length: this.contextLength });
    yield { type: 'prefill', done: 1, total: prompt_tokens };
    const answer = this.answer(messages);
    const most = Math.min(request['max_tokens'] ?? Infinity, this.contextLength - prompt_tokens);
    const tokens = (typeof answer === 'string' ? spoken(answer) : answer).slice(0, most);
    for (const [i, token] of tokens.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (signal?.aborted) throw aborted();
      yield { type: 'token', token: i, text: '', ...token };
    }
    const usage = {
      prompt_tokens,
      completion_tokens: tokens.length,
      total_tokens: prompt_tokens + tokens.length,
      reasoning_tokens: tokens.filter(({ reasoning }) => reasoning).length,
    };
    const timings = {
      prompt_n: 1,
      prompt_ms: 1,
      prompt_per_second: 1,
      predicted_n: 1,
      predicted_ms: 1,
      predicted_per_second: 1,
    };
    const calls = tokens.some(({ tool_calls }) => tool_calls);
    const finish_reason = this.cuts ? 'length' : calls ? 'tool_calls' : 'stop';
    yield { type: 'done', finish_reason, text: '', usage, timings };
  }
}

function tokensOf(messages: readonly ChatMessage[]): number {
  return messages.reduce((sum, { content }) => sum + 1 + words(String(content ?? '')).length, 0);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}

/** The words of a text as tokens, with the space before it. */
function spoken(text: string): SaidToken[] {
  const space = /^\s*/.exec(text)![0];
  return words(text).map((word, i) => ({ text: i === 0 ? space + word : ` ${word}` }));
}
