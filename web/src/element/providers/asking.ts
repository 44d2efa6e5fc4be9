import { LinnetError } from '../../index.ts';
import type { ChatMessage } from '../../api/types.ts';
import type { AnswerOptions } from './answerer.ts';
import { type Material, Memory, TokenRate } from './conversation.ts';

/** How often a request is made shorter and tried again when it proves too long. */
const TRIES = 6;

/** Somebody who answers a conversation of limited length. */
export interface HistoryAnswerer<Piece extends { promptTokens?: number | undefined }, Options> {
  /** Tokens of question and answer together. */
  readonly contextLength: number;
  /** Fails with `context-full` where the messages are too long. Of the pieces at least one should have `promptTokens`. */
  answer(messages: readonly ChatMessage[], options: Options): AsyncIterable<Piece>;
}

/**
 * Asks in a conversation, each time with as much of it as there is room for: the oldest exchanges are left out, so many at once that
 * there is room for some more.
 */
export class Asking {
  readonly #rate = new TokenRate();
  #memory = new Memory();

  /** A new conversation begins. */
  forget(): void {
    this.#memory = new Memory();
  }

  /**
   * Asks. Each piece says how many exchanges the answerer was not told of.
   *
   * @throws LinnetError
   */
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
