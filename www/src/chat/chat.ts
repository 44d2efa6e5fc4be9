import type { ChatCompletionChunk, ChatRequest, EngineInfo, Linnet, LinnetError } from 'linnet';
import { callPiece, type PageTool, definitionsOf, type RoundPiece } from 'linnet/chat-history';
import { type ChatTurn, Composer } from 'linnet/chat-ui';
import { MarkdownText } from 'linnet/markdown';
import { AnswerTimings } from './answer-timings.ts';
import { Conversation } from './conversation.ts';
import type { Engine } from '../models/engine.ts';
import { device } from '../page/facts.ts';
import { speed, tokens, whole } from '../page/format.ts';
import type { AnswerSettings } from './settings.ts';
import { element, nextTask } from '../page/page.ts';
import { asLinnetError } from '../page/error-messages.ts';
import { TOOLS } from '../tools/tools.ts';

/** The interval between two updates of the speed, in milliseconds. */
const REPORT_MS = 100;

/** Asks questions and shows answers, one at a time. */
export class Chat {
  readonly conversation = new Conversation();
  readonly composer = new Composer(
    {
      form: element('composer', HTMLFormElement),
      input: element('prompt', HTMLTextAreaElement),
      send: element('send', HTMLButtonElement),
      stop: element('stop', HTMLButtonElement),
      think: element('think', HTMLButtonElement),
      hint: element('composer-hint', HTMLParagraphElement),
    },
    {
      onSend: (text) => void this.ask(text),
      onStop: () => this.stop(),
      onThink: (thinking) => this.onThink(thinking),
    },
  );
  #answering: AbortController | undefined;

  /**
   * @param answerSettings the current settings
   * @param showStats shows the live line with speed and backend
   * @param onFailure receives the error of an answer, after the question was returned to the box
   * @param onThink called when the person switches the model's reasoning
   */
  constructor(
    private readonly engine: Engine,
    private readonly answerSettings: () => AnswerSettings,
    private readonly showStats: (text: string) => void,
    private readonly onFailure: (error: LinnetError) => void,
    private readonly onChange: () => void,
    private readonly onThink: (thinking: boolean) => void,
  ) {
    MarkdownText.warmUp();
  }

  get busy(): boolean {
    return this.#answering !== undefined;
  }

  /** Stops the answer in progress. Its text so far stays. */
  stop(): void {
    this.#answering?.abort();
  }

  /** Asks a question and shows the answer while it is streamed. Waits for the model if it is still loading. */
  async ask(question: string): Promise<void> {
    if (!question.trim()) return;
    if (this.busy) return this.#sayBusy();
    const answering = new AbortController();
    this.#answering = answering;
    this.composer.text = '';
    this.composer.busy = true;
    const turn = this.conversation.begin(question.trim());
    this.onChange();
    try {
      // Show the question first, and the answer's end before its consequences.
      await nextTask();
      await this.#answer(turn, answering.signal);
      await nextTask();
      await turn.end();
      await nextTask();
      this.conversation.log.announce(turn.spoken);
    } catch (error) {
      await turn.end();
      const stopped = answering.signal.aborted;
      if (!stopped || turn.isEmpty) this.#takeBack(turn);
      if (stopped) this.conversation.log.announce('Stopped.');
      else this.onFailure(asLinnetError(error));
    } finally {
      this.#answering = undefined;
      this.composer.hint = '';
      this.composer.busy = false;
      this.onChange();
    }
  }

  async #answer(turn: ChatTurn, signal: AbortSignal): Promise<void> {
    if (this.engine.state.kind !== 'ready') turn.note('Waiting for the model…');
    const linnet = await this.engine.ready(signal);
    const info = linnet.info();
    turn.note('Reading…');
    const { maxTokens, ...settings } = this.answerSettings();
    const tools = TOOL_NAMES.filter((name) => settings[name]).map((name) => TOOLS[name]);
    const answerer = {
      contextLength: info.model.context_length,
      answer: (messages: ChatRequest['messages'], options: StreamOptions) => this.#stream(linnet, messages, options),
    };
    const options: StreamOptions = { maxTokens, tools, signal };
    const { history } = this.conversation;
    const pieces = history.askWithTools(answerer, this.conversation.material(turn), options, turn);
    const live = new LiveSpeed();
    const timings = new AnswerTimings();
    try {
      for await (const { chunk, dropped } of pieces) this.#show(turn, chunk, live, timings, info, leftOut(dropped));
    } catch (error) {
      if (signal.aborted && live.tokens > 0) turn.note(`${live.text()} · stopped`);
      throw error;
    }
  }

  async *#stream(
    linnet: Linnet,
    messages: ChatRequest['messages'],
    { maxTokens, tools, toolChoice, signal }: StreamOptions,
  ): AsyncGenerator<AnswerPiece> {
    const { temperature, topP, repetitionPenalty, thinking } = this.answerSettings();
    const stream = linnet.chat.completions.create({
      messages,
      stream: true,
      return_progress: true,
      signal,
      temperature,
      top_p: topP,
      repetition_penalty: repetitionPenalty,
      max_tokens: maxTokens,
      ...(linnet.info().model.reasoning === 'optional' ? { enable_thinking: thinking } : {}),
      ...(tools.length > 0 ? { tools: definitionsOf(tools) } : {}),
      ...(toolChoice ? { tool_choice: toolChoice } : {}),
    });
    for await (const chunk of stream) {
      const [{ delta, finish_reason }] = chunk.choices;
      yield {
        chunk,
        text: delta.content,
        reasoning: delta.reasoning_content,
        calls: delta.tool_calls?.map(callPiece),
        finishReason: finish_reason ?? undefined,
        promptTokens: chunk.usage?.prompt_tokens,
      };
    }
  }

  /** @param without what was left out of the prompt, in words; empty if nothing */
  #show(
    turn: ChatTurn,
    chunk: ChatCompletionChunk,
    live: LiveSpeed,
    timings: AnswerTimings,
    info: EngineInfo,
    without: string,
  ): void {
    const [choice] = chunk.choices;
    if (chunk.prompt_progress) {
      const { processed, total } = chunk.prompt_progress;
      turn.note(`Reading… ${Math.floor((100 * processed) / total)} %`);
    }
    if (choice.tokens.length > 0) {
      if (live.tokens === 0 || turn.noted.startsWith('Reading…')) turn.note(without);
      if (live.add(choice.tokens.length)) this.showStats(`${device(info)} · ${live.text()}`);
    }
    if (chunk.timings) {
      timings.add(chunk.timings);
      const { written, read } = timings;
      const reason = ENDS[choice.finish_reason ?? ''] ?? (turn.rounds.at(-1)?.text ? '' : ' · no answer');
      const wrote = `${tokens(written.tokens)} · ${speed(written.perSecond)}`;
      const took = `${wrote} · read ${whole(read.tokens)} at ${speed(read.perSecond)}`;
      turn.note(`${took}${reason}${without && ` · ${without}`}`);
      this.showStats(`${device(info)} · ${speed(written.perSecond)}`);
    }
  }

  /** Shows why nothing is sent. The text stays. */
  #sayBusy(): void {
    const waits = this.engine.state.kind !== 'ready';
    this.composer.hint = waits
      ? 'Your last question still waits for the model. Send this one when it is answered.'
      : 'The model is still answering. Send this when it is done, or stop it first.';
  }

  /** Returns a question without an answer to the box, so that no text is lost. */
  #takeBack(turn: ChatTurn): void {
    this.conversation.remove(turn);
    this.composer.giveBack(turn.question);
  }
}

/** What is said of the end of an answer. */
const ENDS: Readonly<Record<string, string>> = { length: ' · cut off here', tool_calls: '' };

const TOOL_NAMES = Object.keys(TOOLS) as (keyof typeof TOOLS)[];

/** How a request is made. */
interface StreamOptions {
  maxTokens: number;
  tools: readonly PageTool[];
  toolChoice?: 'none' | 'auto';
  signal: AbortSignal;
}

/** A chunk of an answer, and its parts. */
interface AnswerPiece extends RoundPiece {
  chunk: ChatCompletionChunk;
  finishReason: string | undefined;
  promptTokens: number | undefined;
}

/** Describes what was left out for lack of space. */
function leftOut(exchanges: number): string {
  if (exchanges === 0) return '';
  return exchanges === 1
    ? 'the first question and its answer were left out'
    : `the first ${whole(exchanges)} questions and their answers were left out`;
}

/** Measures tokens per second while they arrive. The first token only starts the clock. */
class LiveSpeed {
  tokens = 0;
  #start = 0;
  #last = 0;
  #shown = -Infinity;

  /** Whether it is time to update the display. */
  add(count: number): boolean {
    this.#last = performance.now();
    if (this.tokens === 0) this.#start = this.#last;
    this.tokens += count;
    if (this.#last - this.#shown < REPORT_MS) return false;
    this.#shown = this.#last;
    return true;
  }

  text(): string {
    const seconds = (this.#last - this.#start) / 1000;
    const count = tokens(this.tokens);
    return seconds > 0 ? `${count} · ${speed((this.tokens - 1) / seconds)}` : count;
  }
}
