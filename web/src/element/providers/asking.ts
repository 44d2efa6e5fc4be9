import { LinnetError } from '../../index.ts';
import type { ChatMessage } from '../../api/types.ts';
import type { AnswerOptions } from './answerer.ts';
import { type Material, Memory, TokenRate } from './conversation.ts';

/** How often a request that is too long is shortened and tried again. */
const TRIES = 6;

/** Answers conversations of limited length. */
export interface HistoryAnswerer<Piece extends { promptTokens?: number | undefined }, Options> {
  /** The context length, in tokens of prompt and answer together. */
  readonly contextLength: number;
  /** Fails with `context-full` if the messages are too long. At least one of its parts should have `promptTokens`. */
  answer(messages: readonly ChatMessage[], options: Options): AsyncIterable<Piece>;
}

/**
 * Asks questions with as much of the conversation as fits. The oldest exchanges are left out, several at once, so that
 * the next ones have room.
 */
export class Asking {
  readonly #rate = new TokenRate();
  #memory = new Memory();

  /** Starts a new conversation. */
  forget(): void {
    this.#memory = new Memory();
  }

  /** Asks a question. Each part of the answer says how many exchanges were left out. @throws LinnetError */
  async *ask<Piece extends { promptTokens?: number | undefined }, Options extends Pick<AnswerOptions, 'maxTokens'>>(
    answerer: HistoryAnswerer<Piece, Options>,
    material: Material,
    options: Options,
  ): AsyncGenerator<Piece & { dropped: number }, void> {
    const { contextLength } = answerer;
    const maxTokens = Math.min(options.maxTokens, Math.ceil(contextLength / 2));
    let room = this.#rate.characters(contextLength - maxTokens);
    for (let tries = 1; ; tries++) {
      const { messages, dropped } = this.#memory.fit(material, room);
      try {
        for await (const piece of answerer.answer(messages, { ...options, maxTokens })) {
          if (piece.promptTokens) this.#rate.learn(messages, piece.promptTokens);
          yield { ...piece, dropped };
        }
        return;
      } catch (error) {
        if (!(error instanceof LinnetError) || error.code !== 'context-full' || tries === TRIES) throw error;
        const { prompt_tokens } = error.details as { prompt_tokens?: number };
        if (prompt_tokens) this.#rate.learn(messages, prompt_tokens);
        room = Math.min(room * 0.7, prompt_tokens ? this.#rate.characters(contextLength - maxTokens) : Infinity);
      }
    }
  }
}
