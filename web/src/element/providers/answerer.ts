import type { ChatMessage } from '../../api/types.ts';
import type { AnsweredBy } from '../shell/events.ts';

/** A piece of an answer, or of the way to it. */
export interface AnswerPiece {
  text?: string;
  /** How much of the question has been read, from 0 to 1. */
  read?: number;
  finishReason?: 'stop' | 'length';
  /** What the question had, all messages together. */
  promptTokens?: number;
}

/** How an answer is to be written. */
export interface AnswerOptions {
  maxTokens: number;
  temperature: number | undefined;
  signal: AbortSignal;
}

/** Somebody who answers: the engine on this device, or a server. */
export interface Answerer {
  readonly by: AnsweredBy;
  /** The model's name, or the server's. */
  readonly name: string;
  /** Tokens of question and answer together. */
  readonly contextLength: number;
  /** Fails with a `LinnetError`. */
  answer(messages: readonly ChatMessage[], options: AnswerOptions): AsyncIterable<AnswerPiece>;
}
