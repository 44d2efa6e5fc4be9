import { assistantMessage } from '../api/answer-parts.ts';
import type { ChatToolCall } from '../api/chat-types.ts';
import type { AnswerForm } from '../api/form-types.ts';
import type { ChatCompletionChunk } from '../api/types.ts';
import { LinnetError } from '../index.ts';
import { abortable } from '../protocol/abortable.ts';
import { beginsWithResults, bytesOf, type Conversation, type Message, mostTokens } from './conversation.ts';
import { abortException, isOfTemplate, promptException, quotaExceeded } from './exceptions.ts';
import { incomplete, notSupported } from './exceptions.ts';
import { type Expected, type LanguageModelOutput, lateSystemPrompt, type ValidInput } from './input.ts';
import { alternating, withResults } from './message-order.ts';
import { countTokens, type PromptEngine, type ShownFields } from './provider.ts';
import type { Sampling } from './sampling.ts';
import { runCalls, type SessionTools } from './tools.ts';

/**
 * The share of the context that is reserved for the answer if older messages can be left out, and its maximum in
 * tokens.
 */
const ANSWER_SHARE = 0.25;
const ANSWER_MOST = 512;
/** After these errors the engine cannot be used any more. */
const BROKEN = new Set(['device-lost', 'out-of-memory', 'internal']);
/** Keeps small models from repeating themselves. */
const REPETITION_PENALTY = 1.1;

/** How often a prompt's answer may call tools; then the model must answer without them. */
const MOST_ROUNDS = 10;

/** What a session is made with, which its clones have as well. */
export interface SessionSetup {
  sampling: Sampling;
  tools: SessionTools;
  expectedInputs: readonly Expected[];
  /** Whether answers are lists of parts. */
  returnsCalls: boolean;
}

/** What the model says in one go. */
interface RoundOutput {
  text: string;
  reasoning: string;
  calls: ChatToolCall[];
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
    readonly setup: SessionSetup,
    private readonly onOverflow: () => void,
    private readonly onBroken: () => void,
  ) {
    this.quota = engine.info().model.context_length;
  }

  /** Counts the tokens that messages would add, with the form of their answer. */
  async measure(input: readonly Message[], signal: AbortSignal, form?: AnswerForm): Promise<number> {
    // A system prompt begins a conversation, whatever was said in this one.
    const before = input[0]?.role === 'system' ? [] : this.conversation.messages;
    try {
      const all = await this.#count([...before, ...input], signal, form);
      return all - (before.length > 0 ? await this.#count(before, signal) : 0);
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  /** Adds messages; an empty list adds nothing. Those that must stay are the first ones of a conversation. */
  append(input: readonly Message[], signal: AbortSignal, stay = false): Promise<void> {
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
  async *prompt(input: ValidInput, signal: AbortSignal, form?: AnswerForm): AsyncGenerator<LanguageModelOutput, void> {
    let free: () => void = () => undefined;
    const done = new Promise<void>((resolve) => (free = resolve));
    // A prompt starts after the previous ones, and ends with its answer.
    const before = this.#last;
    const turn = this.#queue(signal, () => Promise.resolve());
    this.#last = Promise.allSettled([before, turn, done]);
    try {
      await turn;
      yield* this.#answer(input, signal, form);
    } catch (error) {
      throw this.#failure(error, signal);
    } finally {
      free();
    }
  }

  async *#answer(
    { messages: asked, prefix }: ValidInput,
    signal: AbortSignal,
    form?: AnswerForm,
  ): AsyncGenerator<LanguageModelOutput> {
    const { conversation } = this;
    this.#refuseLateSystemPrompt(asked);
    // The specification takes an empty list for an empty question. After messages that wait for an answer, that adds
    // nothing.
    const waiting = ['user', 'tool'].includes(conversation.messages.at(-1)?.role ?? '');
    const input: readonly Message[] = asked.length > 0 || waiting ? asked : [{ role: 'user', content: '' }];
    // The engine goes on with an assistant's message at the end; after an empty question it begins another one.
    const another: Message[] = !prefix && input.at(-1)?.role === 'assistant' ? [{ role: 'user', content: '' }] : [];
    const begun = prefix ? String(input.at(-1)!.content) : '';
    // The engine holds only what it writes to the form, not the prefix before it.
    if (begun && form) throw notSupported('A responseConstraint for an answer with a prefix');
    const question = prefix ? input.slice(0, -1) : input;
    // What the model and the tools say until the model has answered.
    const turn: Message[] = [];
    let usage = conversation.usage;
    for (let round = 1; ; round++) {
      const added = turn.length > 0 ? [...question, ...another, ...turn] : [...input, ...another];
      // Messages that were left out stay out, even if the answer is aborted.
      await this.#fit(added, signal, false, form);
      const output: RoundOutput = { text: turn.length > 0 ? '' : begun, reasoning: '', calls: [] };
      let isCut = false;
      const messages = [...conversation.messages, ...added];
      for await (const chunk of this.#generate(messages, form, round <= MOST_ROUNDS, signal)) {
        isCut ||= chunk.choices[0].finish_reason === 'length';
        if (chunk.usage) usage = Math.min(chunk.usage.total_tokens, this.quota);
        const text = collect(output, chunk);
        if (text) yield { type: 'text', value: text };
      }
      if (isCut && form) throw incomplete();
      // The arguments of the last call may be incomplete.
      if (isCut) output.calls = [];
      turn.push(keptMessage(output));
      if (output.calls.length === 0) return this.#keepTurn([...question, ...turn], usage);
      const { results, open } = await abortable(signal, runCalls(output.calls, this.setup.tools));
      turn.push(...results);
      if (open.length === 0) continue;
      // The page runs these, and sends their results as the next prompt.
      this.#keepTurn([...question, ...turn], usage);
      for (const value of open) yield { type: 'tool-call', value };
      return;
    }
  }

  #keepTurn(messages: readonly Message[], usage: number): void {
    this.#keep(messages, false);
    this.conversation.usage = usage;
  }

  async *#generate(
    messages: readonly Message[],
    form: AnswerForm | undefined,
    mayCall: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<ChatCompletionChunk, void> {
    const { temperature, topK } = this.setup.sampling;
    const create = () =>
      this.engine.chat.completions.create({
        messages: this.#ordered(messages),
        ...this.#shown(form),
        ...(mayCall ? {} : { tool_choice: 'none' }),
        temperature,
        top_k: topK,
        repetition_penalty: REPETITION_PENALTY,
        stream: true,
        signal,
      });
    try {
      yield* create();
    } catch (error) {
      // A template rejects messages before anything is generated.
      if (!this.#learnsOrder(error, messages)) throw error;
      yield* create();
    }
  }

  /** What a prompt shows besides its messages. */
  #shown(form: AnswerForm | undefined): ShownFields {
    const { declared } = this.setup.tools;
    return { ...(declared ? { tools: declared } : {}), ...form };
  }

  /** Counts the tokens of a prompt, including what the chat template adds. */
  async #count(messages: readonly Message[], signal: AbortSignal, form?: AnswerForm): Promise<number> {
    const shown = this.#shown(form);
    try {
      return await countTokens(this.engine, this.#ordered(messages), shown, signal);
    } catch (error) {
      if (!this.#learnsOrder(error, messages)) throw error;
      return countTokens(this.engine, this.#ordered(messages), shown, signal);
    }
  }

  #ordered(messages: readonly Message[]): readonly Message[] {
    const answered = withResults(messages);
    return this.#alternates ? alternating(answered) : answered;
  }

  /** Detects a template that requires alternating messages; `false` if it rejected them for another reason. */
  #learnsOrder(error: unknown, messages: readonly Message[]): boolean {
    if (this.#alternates || !isOfTemplate(error)) return false;
    const answered = withResults(messages);
    this.#alternates = JSON.stringify(alternating(answered)) !== JSON.stringify(answered);
    return this.#alternates;
  }

  /**
   * Leaves out as much of the conversation's beginning as needed to fit the messages and an answer.
   *
   * @param exact whether to count tokens even if the messages surely fit, and to reserve nothing for an answer
   * @returns the tokens of all remaining messages
   */
  async #fit(input: readonly Message[], signal: AbortSignal, exact: boolean, form?: AnswerForm): Promise<number> {
    const { conversation, quota } = this;
    const room = quota - Math.min(ANSWER_MOST, Math.floor(quota * ANSWER_SHARE));
    // An empty conversation has no tokens, and so no tools yet.
    const before = conversation.usage || bytesOf(this.setup.tools.declared ?? {});
    const whole = [...conversation.messages, ...input];
    const inserted = this.#ordered(whole).filter((message) => !whole.includes(message));
    const most = before + bytesOf(form ?? {}) + mostTokens([...input, ...inserted]);
    if (!exact && most <= room) return most;
    let exchanges = conversation.exchanges;
    // Results of tools follow their calls.
    const least = beginsWithResults(input) ? 1 : 0;
    let tokens = await this.#count(whole, signal, form);
    while (tokens > room && exchanges.length > least) {
      exchanges = exchanges.slice(1);
      tokens = await this.#count([...conversation.initial, ...exchanges.flat(), ...input], signal, form);
    }
    if (exact ? tokens > quota : tokens >= quota) {
      // Leave nothing out if it would not help.
      throw quotaExceeded(await this.#count(whole, signal, form), quota);
    }
    if (exchanges.length < conversation.exchanges.length) {
      conversation.exchanges = exchanges;
      this.onOverflow();
    }
    return tokens;
  }

  /** What was asked for earlier may have been said since: only the turn knows whether the conversation is empty. */
  #refuseLateSystemPrompt(input: readonly Message[]): void {
    if (input[0]?.role === 'system' && !this.conversation.isEmpty) throw lateSystemPrompt();
  }

  #keep(input: readonly Message[], stay: boolean): void {
    const { conversation } = this;
    const system = input.filter(({ role }) => stay || role === 'system');
    conversation.initial.push(...system);
    conversation.add(input.filter((message) => !system.includes(message)));
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

/** Adds a chunk to what the model says, and returns its text. */
function collect(output: RoundOutput, { choices }: ChatCompletionChunk): string {
  const { content = '', reasoning_content: reasoning = '', tool_calls: calls = [] } = choices[0].delta;
  output.text += content;
  output.reasoning += reasoning;
  for (const { index, id = '', function: called } of calls) {
    output.calls[index] ??= { id, type: 'function', function: { name: called.name ?? '', arguments: '' } };
    output.calls[index].function.arguments += called.arguments;
  }
  return content;
}

/** The message that the conversation keeps. Reasoning is needed only until the calls after it are answered. */
function keptMessage({ text, reasoning, calls }: RoundOutput): Message {
  return assistantMessage(text, calls.length > 0 ? reasoning : undefined, calls);
}
