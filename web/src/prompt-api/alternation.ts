import type { Message } from './conversation.ts';

/**
 * Messages in the only order that some templates take (Gemma's, Mistral's): a question first, then answers and
 * questions alternately. Consecutive messages of one role become one message; an answer at the beginning is preceded by
 * an empty question. Calls of tools and their results stay as they are.
 */
export function alternating(messages: readonly Message[]): Message[] {
  const made: Message[] = [];
  for (const message of messages) {
    const { role, content } = message;
    const last = made.at(-1);
    if (role === 'assistant' && (!last || last.role === 'system')) made.push({ role: 'user', content: '' });
    if (last?.role !== role || !isText(last) || !isText(message)) made.push(message);
    else made[made.length - 1] = { role, content: [last.content, content].filter(Boolean).join('\n\n') } as Message;
  }
  return made;
}

function isText(message: Message): boolean {
  return message.role !== 'tool' && !('tool_calls' in message);
}
