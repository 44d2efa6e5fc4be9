import type { ChatCompletion, ChatCompletionChunk, FinishReason, Usage } from '../api/types.ts';
import type { Timings } from '../protocol/generated.ts';
import type { AnswerPart, CallEnd, CallUsage, GenerateResult, SpecificationVersion } from './types.ts';

/** The content of a whole answer. */
export function contentOf({ choices }: ChatCompletion<string | null>): GenerateResult<'v4'>['content'] {
  const { content, reasoning_content: reasoning, tool_calls: calls = [] } = choices[0].message;
  return [
    ...(reasoning ? [{ type: 'reasoning' as const, text: reasoning }] : []),
    ...(content ? [{ type: 'text' as const, text: content }] : []),
    ...calls.map(({ id, function: { name, arguments: input } }) => toolCall(id, name, input)),
  ];
}

/** What is known at the end of an answer. */
export interface KnownEnd {
  finish_reason: FinishReason;
  usage: Usage;
  timings: Timings;
}

/** The end of an answer in the form of a version of the SDK; without a known end it has failed. */
export function endOf<V extends SpecificationVersion>(end: KnownEnd | undefined, version: V): CallEnd<V> {
  const raw = end?.finish_reason;
  const unified = raw === undefined ? 'error' : raw === 'tool_calls' ? 'tool-calls' : raw;
  return {
    finishReason: (version === 'v2' ? unified : { unified, raw }) as CallEnd<V>['finishReason'],
    usage: usageOf(end, version),
    ...(end ? { providerMetadata: { linnet: { timings: { ...end.timings } } } } : {}),
  };
}

function usageOf<V extends SpecificationVersion>(end: KnownEnd | undefined, version: V): CallUsage<V> {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: total } = end?.usage ?? {};
  const reasoning = end?.usage.completion_tokens_details.reasoning_tokens;
  // The rest of the prompt was in the KV cache.
  const noCache = end?.timings.prompt_n;
  const cached = end && end.usage.prompt_tokens - end.timings.prompt_n;
  const text = end && end.usage.completion_tokens - end.usage.completion_tokens_details.reasoning_tokens;
  const older: CallUsage<'v2'> = {
    inputTokens: input,
    outputTokens: output,
    totalTokens: total,
    reasoningTokens: reasoning,
    cachedInputTokens: cached,
  };
  const newer: CallUsage<'v4'> = {
    inputTokens: { total: input, noCache, cacheRead: cached, cacheWrite: undefined },
    outputTokens: { total: output, text, reasoning },
  };
  return (version === 'v2' ? older : newer) as CallUsage<V>;
}

type Delta = ChatCompletionChunk['choices'][0]['delta'];

/** Turns the deltas of an answer into the SDK's parts, each of which has a beginning and an end. */
export class AnswerParts {
  #open: { kind: 'text' | 'reasoning'; id: string } | undefined;
  #call: { id: string; index: number; name: string; input: string } | undefined;
  #count = 0;

  *add({ reasoning_content: reasoning, content, tool_calls: calls }: Delta): Generator<AnswerPart> {
    if (reasoning) yield* this.#say('reasoning', reasoning);
    if (content) yield* this.#say('text', content);
    for (const { index, id, function: called } of calls ?? []) {
      if (id !== undefined) {
        yield* this.end();
        this.#call = { id, index, name: called.name ?? '', input: '' };
        yield { type: 'tool-input-start', id, toolName: this.#call.name };
      }
      const call = this.#call;
      if (call?.index !== index || !called.arguments) continue;
      call.input += called.arguments;
      yield { type: 'tool-input-delta', id: call.id, delta: called.arguments };
    }
  }

  /** Ends what is open. */
  *end(): Generator<AnswerPart> {
    if (this.#open) yield { type: `${this.#open.kind}-end`, id: this.#open.id };
    this.#open = undefined;
    const call = this.#call;
    this.#call = undefined;
    if (!call) return;
    yield { type: 'tool-input-end', id: call.id };
    yield toolCall(call.id, call.name, call.input);
  }

  /** Ends what is open after a failure: a call that is not complete is not made. */
  *fail(): Generator<AnswerPart> {
    const call = this.#call;
    this.#call = undefined;
    if (call) yield { type: 'tool-input-end', id: call.id };
    yield* this.end();
  }

  *#say(kind: 'text' | 'reasoning', delta: string): Generator<AnswerPart> {
    if (this.#open?.kind !== kind) {
      yield* this.end();
      this.#open = { kind, id: `${kind}-${this.#count++}` };
      yield { type: `${kind}-start`, id: this.#open.id };
    }
    yield { type: `${kind}-delta`, id: this.#open.id, delta };
  }
}

function toolCall(toolCallId: string, toolName: string, input: string): Extract<AnswerPart, { type: 'tool-call' }> {
  return { type: 'tool-call', toolCallId, toolName, input: input || '{}' };
}
