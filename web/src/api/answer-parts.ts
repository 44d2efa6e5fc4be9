import type { ChatCompletion, ChatCompletionChunk } from './types.ts';
import type { ChatToolCall } from './chat-types.ts';
import type { ToolCallDelta } from '../protocol/generated.ts';

// The parts of a chat's answer in the shapes of OpenAI's API: its content, reasoning and tool calls.

/** More of an answer, or all of it. */
export interface AnswerContent {
  text: string;
  reasoning?: string;
  /** Pieces of tool calls, in order. */
  calls?: readonly ToolCallDelta[];
}

type Delta = ChatCompletionChunk['choices'][0]['delta'];

/** The delta of a chunk, without its role. */
export function deltaOf({ text, reasoning, calls }: AnswerContent): Delta {
  return {
    // A token that completes nothing still has a delta.
    ...(text || !(reasoning || calls?.length) ? { content: text } : {}),
    ...reasoningOf(reasoning),
    ...(calls?.length ? { tool_calls: calls.map(callDelta) } : {}),
  };
}

/** The message of a whole answer. */
export function answerMessage({
  text,
  reasoning,
  calls = [],
}: AnswerContent): ChatCompletion<string | null>['choices'][0]['message'] {
  return { ...assistantMessage(text, reasoning, joined(calls)), ...reasoningOf(reasoning) };
}

/** An assistant's message of these parts, for a request. */
export function assistantMessage<Call>(text: string, reasoning: string | undefined, calls: readonly Call[]) {
  return {
    role: 'assistant' as const,
    content: text || calls.length === 0 ? text : null,
    ...(reasoning ? { reasoning_content: reasoning } : {}),
    ...(calls.length > 0 ? { tool_calls: [...calls] } : {}),
  };
}

/** Servers differ in the name of this field, and so do their clients. */
function reasoningOf(reasoning: string | undefined): { reasoning_content?: string; reasoning?: string } {
  return reasoning ? { reasoning_content: reasoning, reasoning } : {};
}

function callDelta({ index, id, name, arguments: text }: ToolCallDelta): NonNullable<Delta['tool_calls']>[number] {
  if (id === undefined || name === undefined) return { index, function: { arguments: text } };
  return { index, id, type: 'function', function: { name, arguments: text } };
}

/** Joins the pieces of calls. */
function joined(pieces: readonly ToolCallDelta[]): ChatToolCall[] {
  const calls = new Map<number, ChatToolCall>();
  for (const { index, id = '', name = '', arguments: text } of pieces) {
    const call = calls.get(index);
    if (call) call.function.arguments += text;
    else calls.set(index, { id, type: 'function', function: { name, arguments: text } });
  }
  return [...calls.values()];
}
