import type { ChatRequest } from '../../api/types.ts';
import type { AnsweredBy } from '../shell/events.ts';
import type { PageTool } from '../tools/page-tool.ts';
import type { RoundPiece } from '../tools/rounds.ts';

/** The messages of a request. */
export type Messages = ChatRequest['messages'];

/** A part of an answer, or progress towards it. */
export interface AnswerPiece extends RoundPiece {
  /** How much of the prompt has been read, from 0 to 1. */
  read?: number;
  finishReason?: 'stop' | 'length';
  /** Tokens of the prompt, with all messages and tools. */
  promptTokens?: number;
}

/** Options of an answer. */
export interface AnswerOptions {
  maxTokens: number;
  temperature: number | undefined;
  /** Whether the model reasons first, where that can be switched. */
  thinking?: boolean | undefined;
  /** What the model may call. */
  tools?: readonly PageTool[] | undefined;
  /** `none`: the model must answer without another call. */
  toolChoice?: 'auto' | 'none';
  signal: AbortSignal;
}

/** Answers questions: the engine on this device, or a server. */
export interface Answerer {
  readonly by: AnsweredBy;
  /** The model's name, or the server's. */
  readonly name: string;
  /** The context length, in tokens of prompt and answer together. */
  readonly contextLength: number;
  /** Whether a request can tell the model not to reason. */
  readonly thinkingSwitch: boolean;
  /** Whether the model reasons if a request does not say. */
  readonly thinks?: boolean | undefined;
  /** Fails with a `LinnetError`. */
  answer(messages: Messages, options: AnswerOptions): AsyncIterable<AnswerPiece>;
}
