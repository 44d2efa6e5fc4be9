import type { ChatCompletionChunk, ChatRequest } from '../../api/types.ts';
import type { EngineInfo } from '../../protocol/messages.ts';

/** The parts of an engine that the element needs; a `Linnet` has them. */
export interface ChatEngine {
  /** Returns the model's name and context length, and whether its reasoning can be switched. */
  info(): {
    model: Pick<EngineInfo['model'], 'name' | 'context_length'> &
      Partial<Pick<EngineInfo['model'], 'reasoning' | 'thinks'>>;
  };
  /** The chat API. */
  chat: {
    completions: {
      /** Streams an answer. */
      create(request: ChatRequest & { stream: true }): AsyncIterable<ChatCompletionChunk>;
    };
  };
}
