import { assistantMessage } from '../api/answer-parts.ts';
import type { ChatAssistantMessage, ChatToolResult } from '../api/chat-types.ts';
import type { ChatRequest } from '../api/types.ts';
import { wrong } from '../protocol/plain.ts';
import type { PromptMessage, PromptPart, ToolOutput } from './types.ts';

type Message = ChatRequest['messages'][number];

/** Called with what is left out of a prompt. */
export type OnLeftOut = (what: string) => void;

/**
 * Turns a prompt into messages of OpenAI's shape.
 *
 * @throws LinnetError `invalid-request` for files; `details.field` is the path of the part
 */
export function messagesOf(prompt: readonly PromptMessage[], onLeftOut: OnLeftOut): Message[] {
  return prompt.flatMap(({ role, content }, index): Message[] => {
    if (typeof content === 'string') return [{ role, content }];
    const path = `prompt[${index}].content`;
    if (role === 'assistant') return assistantMessages(content, path, onLeftOut);
    if (role === 'tool')
      return content.flatMap((part) => (part.type === 'tool-result' ? [resultOf(part, onLeftOut)] : []));
    return [{ role, content: content.map((part, at) => textOf(part, `${path}[${at}]`)).join('') }];
  });
}

/** An assistant's message; tool results within it, which another provider has added, become messages of their own. */
function assistantMessages(parts: readonly PromptPart[], path: string, onLeftOut: OnLeftOut): Message[] {
  const messages: Message[] = [];
  let text = '';
  let reasoning = '';
  let calls: NonNullable<ChatAssistantMessage['tool_calls']>[number][] = [];
  const flush = () => {
    const nothing = !text && !reasoning && calls.length === 0;
    if (nothing && messages.length > 0) return;
    messages.push(assistantMessage(text, reasoning, calls));
    [text, reasoning, calls] = ['', '', []];
  };
  for (const [at, part] of parts.entries()) {
    if (part.type === 'reasoning') reasoning += part.text;
    else if (part.type === 'tool-call') {
      const { toolCallId: id, toolName: name, input } = part;
      // The text of a call whose arguments were not valid JSON is kept as it was.
      const args = typeof input === 'string' ? input : JSON.stringify(input ?? {});
      calls.push({ id, type: 'function', function: { name, arguments: args } });
    } else if (part.type === 'tool-result') {
      flush();
      messages.push(resultOf(part, onLeftOut));
    } else text += textOf(part, `${path}[${at}]`);
  }
  flush();
  return messages;
}

function resultOf(part: Extract<PromptPart, { type: 'tool-result' }>, onLeftOut: OnLeftOut): ChatToolResult {
  const { toolCallId, toolName, output } = part;
  return { role: 'tool', tool_call_id: toolCallId, name: toolName, content: outputText(output, onLeftOut) };
}

function outputText(output: ToolOutput, onLeftOut: OnLeftOut): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value ?? null);
    case 'execution-denied':
      return output.reason ?? 'The user did not allow this call.';
    default: {
      const texts = output.value.flatMap(({ type, text }) => (type === 'text' ? [text ?? ''] : []));
      if (texts.length < output.value.length) onLeftOut('files in tool results');
      return texts.join('\n');
    }
  }
}

function textOf(part: PromptPart, path: string): string {
  if (part.type === 'text') return part.text;
  throw wrong(path, part, `is of the type "${part.type}", but only text is supported here`);
}
