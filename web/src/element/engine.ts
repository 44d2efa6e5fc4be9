import type { ChatCompletionChunk, ChatRequest } from '../api.ts';
import type { EngineInfo } from '../protocol.ts';

/** What the element needs of an engine; a {@link Linnet} is one. */
export interface ChatEngine {
  info(): { model: Pick<EngineInfo['model'], 'name' | 'context_length'> };
  chat: { completions: { create(request: ChatRequest & { stream: true }): AsyncIterable<ChatCompletionChunk> } };
}
