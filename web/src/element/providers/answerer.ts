import type { ChatMessage } from '../../api/types.ts';
import type { AnsweredBy } from '../shell/events.ts';

/** A part of an answer, or progress towards it. */
export interface AnswerPiece {
  text?: string;
  /** How much of the prompt has been read, from 0 to 1. */
  read?: number;
  finishReason?: 'stop' | 'length';
  /** Tokens of the prompt, with all messages. */
  promptTokens?: number;
}

/** Options of an answer. */
export interface AnswerOptions {
  maxTokens: number;
  temperature: number | undefined;
  signal: AbortSignal;
}

/** Answers questions: the engine on this device, or a server. */
export interface Answerer {
  readonly by: AnsweredBy;
  /** The model's name, or the server's. */
  readonly name: string;
  /** The context length, in tokens of prompt and answer together. */
  readonly contextLength: number;
  /** Fails with a `LinnetError`. */
  answer(messages: readonly ChatMessage[], options: AnswerOptions): AsyncIterable<AnswerPiece>;
}
