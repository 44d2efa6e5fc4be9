import type { ChatHost } from '../shell/host.ts';
import { LinnetError } from '../../index.ts';
import { MarkdownText } from '../../markdown.ts';
import { nextTask } from '../../protocol/task.ts';
import type { Answerer } from '../providers/answerer.ts';
import { Asking } from '../providers/asking.ts';
import { answerNote } from './answer-note.ts';
import { Composer, composerElements } from '../parts/composer.ts';
import { ChatConfig } from '../shell/config.ts';
import type { Exchange } from '../providers/conversation.ts';
import { button } from '../parts/dom.ts';
import { type AnsweredBy, emit } from '../shell/events.ts';
import { asLinnetError, explain, isOfTheQuestion } from '../shell/failure.ts';
import { Frame } from './frame.ts';
import { SendQuestion } from './send-question.ts';
import { Server } from '../providers/server.ts';
import { ChatSetup } from './setup.ts';
import { warmUpSizes } from '../shell/size.ts';
import { show } from './spoken.ts';
import { fill } from '../shell/strings.ts';
import { TurnView } from './turn.ts';

/** The open chat: the conversation with all its parts. Loaded when the chat is first opened. */
export class ChatView {
  readonly #config: ChatConfig;
  readonly #strings;
  readonly #frame: Frame;
  readonly #composer: Composer;
  readonly #sendQuestion: SendQuestion;
  readonly #server: Server;
  readonly #asking = new Asking();
  readonly #setup: ChatSetup;
  /** The failure on the device after which the person refused the server. */
  #declined: LinnetError | undefined;
  /** Who wrote the last answer. */
  #writer: AnsweredBy = 'device';
  #answering: AbortController | undefined;
  /** Aborted when the view is disposed. */
  readonly #gone = new AbortController();

  constructor(
    private readonly host: ChatHost,
    panel: HTMLElement,
  ) {
    this.#config = new ChatConfig(host);
    this.#strings = this.#config.strings;
    this.#frame = new Frame(host, panel, this.#config, () => this.clear());
    const elements = composerElements(this.#strings);
    this.#composer = new Composer(elements, {
      onSend: (text) => void this.ask(text),
      onStop: () => this.stop(),
      onThink: (thinking) => (this.#setup.thinking = thinking),
    });
    this.#sendQuestion = new SendQuestion(this.#strings, panel, this.#gone.signal);
    this.#server = new Server(this.#config);
    this.#setup = new ChatSetup(host, this.#config, this.#server, this.#frame, this.#composer, (error) =>
      this.#fail(error, () => this.#setup.engine.start()),
    );
    this.#frame.dock([elements.hint, this.#sendQuestion.node, this.#setup.loading.node, elements.form]);
    MarkdownText.warmUp();
    warmUpSizes(this.#config.language);
  }

  get #log() {
    return this.#frame.log;
  }

  /** Called when the chat is opened. */
  opened(focus: boolean): void {
    this.rename();
    this.#greet();
    this.#setup.showThinking();
    // An earlier question is still open.
    if (!this.#sendQuestion.open) this.#setup.prepare(this.#answering !== undefined);
    if (focus) this.#focus();
  }

  /** Applies changes of the title and the greeting. */
  rename(): void {
    this.#frame.rename();
  }

  /** Asks a question and shows the answer while it is streamed. Waits for the model if it is still loading. */
  async ask(question: string): Promise<void> {
    if (!question.trim() || this.#setup.unavailable()) return;
    if (this.#answering) return this.#sayWhyNot();
    this.#composer.text = '';
    const turn: TurnView = new TurnView(question.trim(), this.#strings, {
      onRetry: () => void this.#answer(turn),
      onTool: (call) => emit(this.host, 'linnet-tool', call),
      announce: (text) => this.#log.announce(text),
    });
    for (const other of this.#log.turns) other.retriable = false;
    this.#log.add(turn);
    emit(this.host, 'linnet-question', { question: turn.question });
    await this.#answer(turn);
  }

  /** Stops the answer in progress. Its text so far stays. */
  stop(): void {
    this.#answering?.abort();
  }

  /** Starts a new conversation. */
  clear(): void {
    this.stop();
    this.#log.clear();
    this.#asking.forget();
    this.#server.forget();
    this.#declined = undefined;
    this.#frame.notice.hide();
    this.#greet();
    this.#setup.prepare(this.#answering !== undefined);
    this.#log.announce(this.#strings.cleared);
    this.#composer.focus();
    emit(this.host, 'linnet-clear', null);
  }

  /** Called when the element has left the page. */
  dispose(): void {
    this.stop();
    this.#setup.engine.leave();
    this.#gone.abort();
  }

  /** Focuses an open question, or the composer. */
  #focus(): void {
    if (this.#sendQuestion.open) this.#sendQuestion.focus();
    else if (this.#setup.loading.asks) this.#setup.loading.focus();
    else if (!this.#log.turns.at(-1)?.focusQuestion()) this.#composer.focus();
  }

  /** The same, unless the focus is elsewhere in the page. */
  #moveFocus(): void {
    if (this.host.shadowRoot!.activeElement || document.activeElement === document.body) this.#focus();
  }

  /** Enter has no effect during an answer or a question: tells why, and focuses what it waits for. */
  #sayWhyNot(): void {
    if (this.#sendQuestion.open || this.#setup.loading.asks) return this.#focus();
    if (this.#log.turns.at(-1)?.focusQuestion()) return;
    this.#composer.hint = this.#strings.busy;
  }

  /** Shows the suggestions of an empty conversation. */
  #greet(): void {
    this.#frame.suggest((question) => void this.ask(question));
  }

  async #answer(turn: TurnView): Promise<void> {
    if (this.#answering) return this.#sayWhyNot();
    const answering = new AbortController();
    this.#answering = answering;
    this.#frame.hideSuggestions();
    const { notice } = this.#frame;
    if (notice.code !== 'note') notice.hide();
    turn.begin();
    this.#log.toEnd();
    if (this.#setup.loading.asks) this.#wait(turn);
    else this.#composer.busy = true;
    try {
      // The question is shown first.
      await nextTask();
      await this.#write(turn, answering.signal);
    } catch (thrown) {
      const error = asLinnetError(thrown);
      await turn.end();
      if (answering.signal.aborted) this.#stopped(turn);
      else this.#unanswered(turn, error);
    } finally {
      if (this.#answering === answering) {
        this.#answering = undefined;
        this.#composer.busy = false;
        this.#composer.hint = '';
      }
    }
  }

  /** Shows that a question waits for the engine or for the person's decision. */
  #wait(turn: TurnView): void {
    const { asks } = this.#setup.loading;
    const text = asks ? this.#strings.waitingForYou : this.#strings.waiting;
    turn.writing = !asks;
    this.#composer.busy = !asks;
    // This is called repeatedly while the model loads.
    if (!turn.note(text)) return;
    this.#log.announce(text);
    if (asks) this.#moveFocus();
  }

  /** Answers on this device, or with the site's server if the person agreed to send the conversation there. */
  async #write(turn: TurnView, signal: AbortSignal): Promise<void> {
    const { serverOnly } = this.#config;
    this.#server.asked(!serverOnly && !this.#server.allowed, this.#log.turns.length === 1);
    const allowed = this.#server.allowed;
    if (allowed) return this.#complete(turn, allowed, signal);
    const failure = serverOnly
      ? new LinnetError('invalid-request', 'The site has not set a server.')
      : await this.#onDevice(turn, signal);
    if (!failure) return;
    const server = this.#server.answerer;
    if (!server) throw failure;
    const reason = serverOnly ? '' : this.#strings.deviceFailed;
    if (!(await this.#maySend(turn, server.name, reason, signal))) {
      if (signal.aborted) throw failure;
      this.#declined = failure;
      return this.#notSent(turn, failure);
    }
    this.#server.allow(server);
    this.#setup.answeredBy(server);
    this.#frame.notice.show(fill(this.#strings.serverAnswers, { host: server.name }), 'note');
    turn.begin();
    await this.#complete(turn, server, signal);
  }

  /** Answers on this device. Returns the error if a server might answer instead, and throws it if not. */
  async #onDevice(turn: TurnView, signal: AbortSignal): Promise<LinnetError | undefined> {
    const { engine } = this.#setup;
    const { state } = engine;
    // A question after a failure is another try, unless the person has not been asked about the server yet.
    if (state.kind === 'failed' && (state.error === this.#declined || !this.#server.answerer)) engine.start();
    let answerer: Answerer | undefined;
    try {
      answerer = await engine.ready(() => this.#wait(turn), signal);
      await this.#complete(turn, answerer, signal);
      return undefined;
    } catch (thrown) {
      const failure = asLinnetError(thrown);
      if (signal.aborted) throw failure;
      engine.failed(failure);
      // A question that is too long fails everywhere.
      if (answerer && isOfTheQuestion(failure)) throw failure;
      return failure;
    }
  }

  /** Asks whether this conversation may be sent to that server. Nothing is sent before. */
  async #maySend(turn: TurnView, host: string, reason: string, signal: AbortSignal): Promise<boolean> {
    turn.writing = false;
    turn.note('');
    this.#composer.busy = false;
    const answer = this.#sendQuestion.ask(host, reason, signal);
    this.#log.announce(fill(this.#strings.sendQuestion, { host }));
    this.#moveFocus();
    const send = await answer;
    this.#composer.busy = send;
    if (!signal.aborted) this.#moveFocus();
    return send;
  }

  async #complete(turn: TurnView, answerer: Answerer, signal: AbortSignal): Promise<void> {
    this.#composer.busy = turn.writing = true;
    this.#log.announce(this.#strings.writing);
    this.#writer = answerer.by;
    const end = await show(this.#ask(turn, answerer, signal), turn, this.#strings);
    await turn.end();
    await nextTask();
    this.#finished(turn, answerer, end);
    await nextTask();
  }

  /** Asks with as much of the conversation as fits. */
  #ask(turn: TurnView, answerer: Answerer, signal: AbortSignal) {
    const before = this.#log.turns.slice(0, this.#log.turns.indexOf(turn)).filter(({ hasAnswer }) => hasAnswer);
    const past = before.map(({ question, answer, rounds }): Exchange => ({ question, answer, rounds }));
    const { system, context, temperature, maxTokens, tools } = this.#config;
    const thinking = this.#composer.thinking;
    return this.#asking.askWithTools(
      answerer,
      { system, context, past, question: turn.question },
      { maxTokens, temperature, thinking, tools, signal },
      turn,
    );
  }

  #finished(turn: TurnView, { by, name }: Answerer, finishReason: 'stop' | 'length'): void {
    const host = by === 'endpoint' ? name : this.#server.answerer?.name;
    const { cutOff, noAnswer } = this.#strings;
    const missing = turn.rounds.at(-1)?.text ? '' : noAnswer;
    const end = finishReason === 'length' ? cutOff : missing;
    turn.note(answerNote(this.#strings, by, host, end));
    this.#log.announce(turn.spoken || end);
    emit(this.host, 'linnet-answer', { question: turn.question, answer: turn.answer, by, finishReason });
  }

  /** The person refused to send the conversation: the question stays here, and can be tried again. */
  async #notSent(turn: TurnView, failure: LinnetError): Promise<void> {
    await turn.end();
    turn.note(this.#strings.notSent);
    this.#fail(failure, () => void this.#answer(turn));
    this.#log.announce(this.#strings.notSent);
  }

  #stopped(turn: TurnView): void {
    this.#log.announce(this.#strings.stopped);
    if (!this.#log.turns.includes(turn)) return;
    if (turn.isEmpty) return this.#takeBack(turn);
    turn.note(answerNote(this.#strings, this.#writer, this.#server.answerer?.name, this.#strings.stopped));
    emit(this.host, 'linnet-answer', {
      question: turn.question,
      answer: turn.answer,
      by: this.#writer,
      finishReason: 'stopped',
    });
  }

  /** Returns a question without an answer to the box, so that no text is lost. */
  #takeBack(turn: TurnView): void {
    this.#log.remove(turn);
    this.#composer.giveBack(turn.question);
    this.#greet();
  }

  /** Handles a failed answer. Its text so far stays. */
  #unanswered(turn: TurnView, error: LinnetError): void {
    if (!turn.isEmpty) {
      turn.note(answerNote(this.#strings, this.#writer, this.#server.answerer?.name, this.#strings.cutOff));
      return this.#fail(error, () => void this.#answer(turn), true);
    }
    this.#takeBack(turn);
    this.#fail(error, () => {
      this.#composer.text = '';
      void this.ask(turn.question);
    });
  }

  /** @param begun whether a part of the answer has arrived */
  #fail(error: LinnetError, again: () => void, begun = false): void {
    const { allowed, answerer } = this.#server;
    const failed = this.#writer === 'endpoint' ? allowed?.name : undefined;
    const { text, again: retriable } = explain(error, this.#strings, {
      failed,
      begun,
      instead: allowed ? undefined : answerer?.name,
    });
    // The notice is an alert: the earlier announcement is outdated.
    this.#log.announce('');
    emit(this.host, 'linnet-error', { code: error.code, message: error.message });
    this.#frame.notice.show(text, error.code, retriable ? [button('again', this.#strings.tryAgain, again)] : []);
  }
}
