import { LinnetError } from '../../index.ts';
import { definitionsOf } from '../tools/page-tool.ts';
import type { Round, RoundPiece } from '../tools/rounds.ts';
import { type CallEnd, failed, runCall } from '../tools/run-call.ts';
import type { AnswerOptions, Messages } from './answerer.ts';
import { type Material, Memory, TokenRate } from './conversation.ts';

/** How often a request that is too long is shortened and tried again. */
const TRIES = 6;
/** The most rounds of an answer that may call tools. After them the model must answer with what it has. */
const MOST_ROUNDS = 8;
/** Why calls do not run. */
const CUT_OFF = 'the answer reached its maximum length before this call was complete';
const TOO_MANY = 'this answer has already made too many calls';

/** Answers conversations of limited length. */
export interface HistoryAnswerer<Piece extends { promptTokens?: number | undefined }, Options> {
  /** The context length, in tokens of prompt and answer together. */
  readonly contextLength: number;
  /** Fails with `context-full` if the messages are too long. At least one of its parts should have `promptTokens`. */
  answer(messages: Messages, options: Options): AsyncIterable<Piece>;
}

/** Shows an answer with tool calls while it is written, and keeps its rounds; a `ChatTurn` is one. */
export interface AnswerTarget {
  /** The rounds so far, with the one that is being written. */
  readonly rounds: readonly Round[];
  /** Adds a piece to the last round. */
  add(piece: RoundPiece): void;
  /** Starts another round. */
  nextRound(): void;
  /** Asks the person whether a call of the last round may run. Aborting `signal` means no. */
  confirmCall(index: number, question: string | undefined, signal: AbortSignal): Promise<boolean>;
  /** Ends a call of the last round. */
  endCall(index: number, end: CallEnd): void;
}

/** The options that this file reads. */
type HistoryOptions = Pick<AnswerOptions, 'maxTokens' | 'tools'>;
type ToolOptions = Pick<AnswerOptions, 'maxTokens' | 'tools' | 'toolChoice' | 'signal'>;

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
  async *ask<Piece extends { promptTokens?: number | undefined }, Options extends HistoryOptions>(
    answerer: HistoryAnswerer<Piece, Options>,
    material: Material,
    options: Options,
  ): AsyncGenerator<Piece & { dropped: number }, void> {
    const { contextLength } = answerer;
    const maxTokens = Math.min(options.maxTokens, Math.ceil(contextLength / 2));
    // The prompt describes the tools, too.
    const described = options.tools?.length ? JSON.stringify(definitionsOf(options.tools)).length : 0;
    let room = this.#rate.characters(contextLength - maxTokens);
    for (let tries = 1; ; tries++) {
      const { messages, dropped } = this.#memory.fit(material, Math.max(0, room - described));
      try {
        for await (const piece of answerer.answer(messages, { ...options, maxTokens })) {
          if (piece.promptTokens) this.#rate.learn(messages, piece.promptTokens, described);
          yield { ...piece, dropped };
        }
        return;
      } catch (error) {
        if (!(error instanceof LinnetError) || error.code !== 'context-full' || tries === TRIES) throw error;
        const { prompt_tokens } = error.details as { prompt_tokens?: number };
        if (prompt_tokens) this.#rate.learn(messages, prompt_tokens, described);
        room = Math.min(room * 0.7, prompt_tokens ? this.#rate.characters(contextLength - maxTokens) : Infinity);
      }
    }
  }

  /**
   * Asks a question, runs the tools that the model calls, and asks again with their results, until it answers. Pieces
   * are added to `target` before they are returned.
   *
   * @throws LinnetError
   */
  async *askWithTools<
    Piece extends RoundPiece & { promptTokens?: number | undefined; finishReason?: string | undefined },
    Options extends ToolOptions,
  >(
    answerer: HistoryAnswerer<Piece, Options>,
    material: Material,
    options: Options,
    target: AnswerTarget,
  ): AsyncGenerator<Piece & { dropped: number }, void> {
    const { tools = [], signal } = options;
    for (let round = 1; ; round++) {
      const last = round > MOST_ROUNDS;
      const rounds = target.rounds.slice(0, -1);
      let cutOff = false;
      const asked = this.ask(answerer, { ...material, rounds }, last ? { ...options, toolChoice: 'none' } : options);
      for await (const piece of asked) {
        target.add(piece);
        cutOff ||= piece.finishReason === 'length';
        yield piece;
      }
      const calls = target.rounds.at(-1)?.calls ?? [];
      // A server may ignore that the last round should have none.
      const barred = cutOff ? CUT_OFF : last ? TOO_MANY : undefined;
      for (const [index, call] of calls.entries()) {
        const confirm = (question: string | undefined) => target.confirmCall(index, question, signal);
        target.endCall(index, barred ? failed(barred) : await runCall(tools, call, signal, confirm));
      }
      if (signal.aborted) throw new LinnetError('aborted', 'Stopped.');
      if (calls.length === 0 || cutOff || last) return;
      target.nextRound();
    }
  }
}
