import type { Round, ToolCall } from 'linnet/chat-history';
import { cutText, plainName } from 'linnet/markdown';
import { type Exchange, type StoredChat, titleOf } from './chats.ts';

/** The conversation as Markdown. */
export function markdownOf(chat: StoredChat): string {
  const parts = [`# ${titleOf(chat)}`, `${chat.model}, ${new Date(chat.at).toISOString().slice(0, 10)}`];
  if (chat.system) parts.push(quote(chat.system));
  for (const exchange of chat.exchanges) {
    parts.push('## You', exchange.question, '## Model');
    for (const { reasoning, text, calls = [] } of roundsOf(exchange))
      parts.push(reasoning ? quote(reasoning) : '', text, ...calls.map(callText));
  }
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** The conversation as JSON, with messages in the form of OpenAI's API. */
export function jsonOf(chat: StoredChat): string {
  const system = chat.system ? [{ role: 'system', content: chat.system }] : [];
  const messages = chat.exchanges.flatMap((exchange) => [
    { role: 'user', content: exchange.question },
    ...roundsOf(exchange).flatMap(({ reasoning, text, calls = [] }) => [
      {
        role: 'assistant',
        content: text,
        ...(reasoning ? { reasoning_content: reasoning } : {}),
        ...(calls.length > 0 ? { tool_calls: calls.map(toolCall) } : {}),
      },
      ...calls.map(({ id, name, result = '' }) => ({ role: 'tool', tool_call_id: id, name, content: result })),
    ]),
  ]);
  const updated = new Date(chat.at).toISOString();
  return `${JSON.stringify({ model: chat.model, updated, messages: [...system, ...messages] }, null, 2)}\n`;
}

function roundsOf({ answer, rounds }: Exchange): readonly Round[] {
  return rounds ?? [{ text: answer }];
}

/** A call as Markdown. */
function callText({ name, arguments: args, result = '' }: ToolCall): string {
  return [`Tool: ${plainName(name)}`, fenced(args), fenced(result)].join('\n\n');
}

/** A block of code; its fence is longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

function toolCall({ id, name, arguments: args }: ToolCall) {
  return { id, type: 'function', function: { name, arguments: args } };
}

/** Saves a text as a file. */
export function save(name: string, type: string, text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  // By then the browser has read the data.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Makes a file name of a conversation's title. */
export function fileName(chat: StoredChat, ending: string): string {
  const words = titleOf(chat)
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replace(/^-+/, '');
  return `${cutText(words, 50).replace(/-+$/, '') || 'chat'}.${ending}`;
}

function quote(text: string): string {
  return text.replace(/^/gm, '> ');
}
