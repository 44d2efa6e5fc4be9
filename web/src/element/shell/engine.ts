import type { ChatCompletionChunk, ChatRequest } from '../../api/types.ts';
import type { EngineInfo } from '../../protocol/messages.ts';

/** What the element needs of an engine; a `Linnet` is one. */
export interface ChatEngine {
  /** Tells the model's name, and how much it keeps in mind. */
  info(): { model: Pick<EngineInfo['model'], 'name' | 'context_length'> };
  /** The chat API. */
  chat: {
    completions: {
      /** Answers piece by piece. */
      create(request: ChatRequest & { stream: true }): AsyncIterable<ChatCompletionChunk>;
    };
  };
}
