import { cutText, partsOf } from 'linnet/markdown';
import { type StoredChat, titleOf } from './chats.ts';

/** The conversation as Markdown. */
export function markdownOf(chat: StoredChat): string {
  const parts = [`# ${titleOf(chat)}`, `${chat.model}, ${new Date(chat.at).toISOString().slice(0, 10)}`];
  if (chat.system) parts.push(quote(chat.system));
  for (const { question, answer } of chat.exchanges) {
    const spoken = partsOf(answer, true);
    parts.push('## You', question, '## Model');
    if (spoken.reasoning) parts.push(quote(spoken.reasoning));
    parts.push(spoken.answer);
  }
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** The conversation as JSON, with messages in the form of OpenAI's API. */
export function jsonOf(chat: StoredChat): string {
  const system = chat.system ? [{ role: 'system', content: chat.system }] : [];
  const messages = chat.exchanges.flatMap(({ question, answer }) => {
    const spoken = partsOf(answer, true);
    const reasoning = spoken.reasoning ? { reasoning_content: spoken.reasoning } : {};
    return [
      { role: 'user', content: question },
      { role: 'assistant', content: spoken.answer, ...reasoning },
    ];
  });
  const updated = new Date(chat.at).toISOString();
  return `${JSON.stringify({ model: chat.model, updated, messages: [...system, ...messages] }, null, 2)}\n`;
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
