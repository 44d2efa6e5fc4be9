import type { ChatCompletionChunk, ChatMessage } from '../api/types.ts';
import { LinnetError } from '../index.ts';
import { ReasoningSplitter } from '../element/markdown/reasoning.ts';
import { alternating } from './alternation.ts';
import { abortException, promptException, quotaExceeded } from './exceptions.ts';
import { lateSystemPrompt, type ValidInput } from './input.ts';
import { countTokens, type PromptEngine } from './provider.ts';
import type { Sampling } from './sampling.ts';

/**
 * The share of the context that is reserved for the answer if older messages can be left out, and its maximum in
 * tokens.
 */
const ANSWER_SHARE = 0.25;
const ANSWER_MOST = 512;
/** The most tokens that a template adds to a message, or before the first one. */
const MESSAGE_MOST = 64;
/** Characters of a text that is not written as bytes only to count them. */
const LONG = 1_000_000;
/** After these errors the engine cannot be used any more. */
const BROKEN = new Set(['device-lost', 'out-of-memory', 'internal']);
/** Keeps small models from repeating themselves. */
const REPETITION_PENALTY = 1.1;

/** More of an answer. */
export interface AnswerPiece {
  text: string;
  /** Whether it replaces the answer so far, which was reasoning. */
  replaces: boolean;
}

/** A conversation: its messages, and its tokens. */
export class Conversation {
  /** Never left out: the initial prompts, and later system prompts. */
  initial: ChatMessage[] = [];
  /** The exchanges since: a question with its answer, or messages that were appended together. */
  exchanges: ChatMessage[][] = [];
  /** Tokens of the whole conversation. */
  usage = 0;

  get messages(): ChatMessage[] {
    return [...this.initial, ...this.exchanges.flat()];
  }

  get isEmpty(): boolean {
    return this.initial.length === 0 && this.exchanges.length === 0;
  }

  clone(): Conversation {
    const copy = new Conversation();
    copy.initial = [...this.initial];
    copy.exchanges = [...this.exchanges];
    copy.usage = this.usage;
    return copy;
  }
}

/** Answers prompts in a conversation, one after the other, and leaves out its beginning when it becomes too long. */
export class Session {
  #last: Promise<unknown> = Promise.resolve();
  /** Whether the model's template requires strictly alternating messages. */
  #alternates = false;
  /** The context length; still readable after the engine is gone. */
  readonly quota: number;

  constructor(
    readonly engine: PromptEngine,
    readonly conversation: Conversation,
    readonly sampling: Sampling,
    private readonly onOverflow: () => void,
    private readonly onBroken: () => void,
  ) {
    this.quota = engine.info().model.context_length;
  }

  /** Counts the tokens that messages would add. */
  async measure(input: readonly ChatMessage[], signal: AbortSignal): Promise<number> {
    // A system prompt begins a conversation, whatever was said in this one.
    const before = input[0]?.role === 'system' ? [] : this.conversation.messages;
    try {
      const all = await this.#count([...before, ...input], signal);
      return all - (before.length > 0 ? await this.#count(before, signal) : 0);
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  /** Adds messages; an empty list adds nothing. Those that must stay are the first ones of a conversation. */
  append(input: readonly ChatMessage[], signal: AbortSignal, stay = false): Promise<void> {
    return this.#queue(signal, async () => {
      try {
        this.#refuseLateSystemPrompt(input);
        const tokens = await this.#fit(input, signal, true);
        this.#keep(input, stay);
        this.conversation.usage = tokens;
      } catch (error) {
        throw this.#failure(error, signal);
      }
    });
  }

  /** Sends a prompt and streams the answer. Both become part of the conversation when the answer is complete. */
  async *prompt(input: ValidInput, signal: AbortSignal): AsyncGenerator<AnswerPiece, void> {
    let free: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (free = resolve));
    // A prompt starts after the previous ones, and ends with its answer.
    const before = this.#last;
    const turn = this.#queue(signal, () => Promise.resolve());
    this.#last = Promise.allSettled([before, turn, done]);
    try {
      await turn;
      yield* this.#answer(input, signal);
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      free();
    }
  }

  async *#answer({ messages: asked, prefix }: ValidInput, signal: AbortSignal): AsyncGenerator<AnswerPiece, void> {
    const { conversation } = this;
    this.#refuseLateSystemPrompt(asked);
    // The specification takes an empty list for an empty question. After messages that wait for an answer, that adds
    // nothing.
    const waiting = conversation.messages.at(-1)?.role === 'user';
    const input: readonly ChatMessage[] = asked.length > 0 || waiting ? asked : [{ role: 'user', content: '' }];
    // Messages that were left out stay out, even if the answer is aborted.
    await this.#fit(input, signal, false);
    // The engine goes on with an assistant's message at the end; after an empty question it begins another one.
    const another: ChatMessage[] = !prefix && input.at(-1)?.role === 'assistant' ? [{ role: 'user', content: '' }] : [];
    const messages = [...conversation.messages, ...input, ...another];
    // Reasoning is neither returned nor kept.
    const parts = new ReasoningSplitter(prefix);
    let answer = '';
    const said = ({ answer: text, replaces }: { answer: string; replaces: boolean }): AnswerPiece => {
      answer = replaces ? text : answer + text;
      return { text, replaces };
    };
    for await (const { choices, usage } of this.#generate(messages, signal)) {
      const text = choices[0].delta.content;
      if (usage) conversation.usage = Math.min(usage.total_tokens, this.quota);
      if (text) yield said(parts.add(text));
    }
    yield said(parts.end());
    const begun = prefix ? input.at(-1)! : undefined;
    const kept = begun ? input.slice(0, -1) : input;
    this.#keep(kept, false, { role: 'assistant', content: `${begun?.content ?? ''}${answer}` });
  }

  async *#generate(messages: readonly ChatMessage[], signal: AbortSignal): AsyncGenerator<ChatCompletionChunk, void> {
    const { temperature, topK } = this.sampling;
    const create = () => {
      const sampling = { temperature, top_k: topK, repetition_penalty: REPETITION_PENALTY };
      return this.engine.chat.completions.create({
        messages: this.#ordered(messages),
        ...sampling,
        stream: true,
        signal,
      });
    };
    try {
      yield* create();
    } catch (error) {
      // A template rejects messages before anything is generated.
      if (!this.#learnsOrder(error, messages)) throw error;
      yield* create();
    }
  }

  /** Counts the tokens of messages, including what the chat template adds. */
  async #count(messages: readonly ChatMessage[], signal: AbortSignal): Promise<number> {
    try {
      return await countTokens(this.engine, this.#ordered(messages), signal);
    } catch (error) {
      if (!this.#learnsOrder(error, messages)) throw error;
      return countTokens(this.engine, this.#ordered(messages), signal);
    }
  }

  #ordered(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    return this.#alternates ? alternating(messages) : messages;
  }

  /** Detects a template that requires alternating messages; `false` if it rejected them for another reason. */
  #learnsOrder(error: unknown, messages: readonly ChatMessage[]): boolean {
    if (this.#alternates || !(error instanceof LinnetError) || error.code !== 'bad-template') return false;
    this.#alternates = JSON.stringify(alternating(messages)) !== JSON.stringify(messages);
    return this.#alternates;
  }

  /**
   * Leaves out as much of the conversation's beginning as needed to fit the messages and an answer.
   *
   * @param exact whether to count tokens even if the messages surely fit, and to reserve nothing for an answer
   * @returns the tokens of all remaining messages
   */
  async #fit(input: readonly ChatMessage[], signal: AbortSignal, exact: boolean): Promise<number> {
    const { conversation, quota } = this;
    const room = quota - Math.min(ANSWER_MOST, Math.floor(quota * ANSWER_SHARE));
    const most = conversation.usage + mostTokens(input);
    if (!exact && most <= room) return most;
    let exchanges = conversation.exchanges;
    let tokens = await this.#count([...conversation.messages, ...input], signal);
    while (tokens > room && exchanges.length > 0) {
      exchanges = exchanges.slice(1);
      tokens = await this.#count([...conversation.initial, ...exchanges.flat(), ...input], signal);
    }
    if (exact ? tokens > quota : tokens >= quota) {
      // Leave nothing out if it would not help.
      throw quotaExceeded(await this.#count([...conversation.messages, ...input], signal), quota);
    }
    if (exchanges.length < conversation.exchanges.length) {
      conversation.exchanges = exchanges;
      this.onOverflow();
    }
    return tokens;
  }

  /** What was asked for earlier may have been said since: only the turn knows whether the conversation is empty. */
  #refuseLateSystemPrompt(input: readonly ChatMessage[]): void {
    if (input[0]?.role === 'system' && !this.conversation.isEmpty) throw lateSystemPrompt();
  }

  #keep(input: readonly ChatMessage[], stay: boolean, ...answer: ChatMessage[]): void {
    const { conversation } = this;
    const system = input.filter(({ role }) => stay || role === 'system');
    const rest = [...input.filter((message) => !system.includes(message)), ...answer];
    conversation.initial.push(...system);
    if (rest.length > 0) conversation.exchanges = [...conversation.exchanges, rest];
  }

  /** Runs when all that was asked before has been answered, and not at all if the signal comes first. */
  #queue<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (signal.aborted) throw signal.reason;
      return run();
    });
    this.#last = result.catch(() => undefined);
    return new Promise<T>((resolve, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      result.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason ?? abortException();
    if (error instanceof LinnetError && BROKEN.has(error.code)) this.onBroken();
    if (error instanceof LinnetError && error.code === 'context-full') {
      // Reject a prompt that is much too long without counting its tokens.
      return quotaExceeded(Number(error.details['prompt_tokens'] ?? this.quota + 1), this.quota);
    }
    return promptException(error);
  }
}

/** The most tokens that messages can have: no token is shorter than a byte. */
function mostTokens(messages: readonly ChatMessage[]): number {
  const encoder = new TextEncoder();
  const bytesOf = (text: string) => (text.length > LONG ? 3 * text.length : encoder.encode(text).length);
  const bytes = messages.reduce((sum, { content }) => sum + bytesOf(String(content)), 0);
  return bytes + MESSAGE_MOST * (messages.length + 1);
}
