import type { ChatToolCall, ChatToolResult } from '../api/chat-types.ts';
import { NO_ANSWER, NO_RESULT } from '../api/tool-calls.ts';
import type { Message } from './conversation.ts';

// Templates fail for some orders of messages, or drop messages. These functions give an order that they take.

/**
 * Messages in which the results follow their calls. A page may ask something else instead of answering a call: that
 * call has the result that there is none. Calls at the end still wait for their results.
 */
export function withResults(messages: readonly Message[]): Message[] {
  const made: Message[] = [];
  for (let i = 0; i < messages.length; ) {
    const message = messages[i++]!;
    made.push(message);
    const calls = callsIn(message);
    if (calls.length === 0 || i === messages.length) continue;
    const next = messages.findIndex(({ role }, at) => at >= i && role === 'assistant');
    const replies = messages.slice(i, next < 0 ? messages.length : next);
    const results = replies.filter(isResult);
    made.push(...results, ...missingResults(calls, results), ...replies.filter((reply) => !isResult(reply)));
    i += replies.length;
  }
  return made;
}

/** A result without an id answers the first call that has none. */
function missingResults(calls: readonly Call[], results: readonly ChatToolResult[]): ChatToolResult[] {
  const ids = new Set(results.flatMap(({ tool_call_id: id }) => id ?? []));
  const open = calls.filter(({ id }) => id === undefined || !ids.has(id));
  const unnamed = results.filter(({ tool_call_id: id }) => !id).length;
  return open.slice(unnamed).map(({ id, function: { name } }) => {
    return { role: 'tool', ...(id ? { tool_call_id: id } : {}), name, content: NO_RESULT };
  });
}

/**
 * Messages in the only order that some templates take (Gemma's, Mistral's): a question first, then answers and
 * questions alternately. Consecutive messages of one role become one message; an answer at the beginning is preceded by
 * an empty question, and a question after the results of tools by an answer that says that there was none.
 */
export function alternating(messages: readonly Message[]): Message[] {
  const made: Message[] = [];
  for (const message of messages) {
    const { role, content } = message;
    const last = made.at(-1);
    if (role === 'assistant' && (!last || last.role === 'system')) made.push({ role: 'user', content: '' });
    if (role === 'user' && last?.role === 'tool') made.push({ role: 'assistant', content: NO_ANSWER });
    if (last?.role !== role || !isText(last) || !isText(message)) made.push(message);
    else made[made.length - 1] = { role, content: [last.content, content].filter(Boolean).join('\n\n') } as Message;
  }
  return made;
}

type Call = Omit<ChatToolCall, 'id' | 'type'> & { id?: string };

function callsIn(message: Message): readonly Call[] {
  return ('tool_calls' in message && message.tool_calls) || [];
}

function isResult(message: Message): message is ChatToolResult {
  return message.role === 'tool';
}

function isText(message: Message): boolean {
  return message.role !== 'tool' && callsIn(message).length === 0;
}
