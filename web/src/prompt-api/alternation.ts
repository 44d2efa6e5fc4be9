import type { ChatMessage } from '../api/types.ts';

/**
 * Messages in the only order that some templates take (Gemma's, Mistral's): a question first, then answers and
 * questions alternately. Consecutive messages of one role become one message; an answer at the beginning is preceded by
 * an empty question.
 */
export function alternating(messages: readonly ChatMessage[]): ChatMessage[] {
  const made: ChatMessage[] = [];
  for (const { role, content } of messages) {
    const last = made.at(-1);
    if (role === 'assistant' && (!last || last.role === 'system')) made.push({ role: 'user', content: '' });
    const texts = [last?.content, content].filter(Boolean);
    if (last?.role === role) made[made.length - 1] = { role, content: texts.join('\n\n') };
    else made.push({ role, content });
  }
  return made;
}
