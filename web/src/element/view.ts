import type { LinnetChat } from '../element.ts';
import { LinnetError } from '../index.ts';
import { MarkdownText } from '../markdown.ts';
import { isStored } from '../stored.ts';
import { nextTask } from '../task.ts';
import { type SpokenPiece, ThoughtSplitter } from '../thoughts.ts';
import type { Answerer } from './answerer.ts';
import { Asking } from './asking.ts';
import { Composer } from './composer.ts';
import { ChatConfig } from './config.ts';
import type { Exchange } from './conversation.ts';
import { DeviceAnswerer } from './device.ts';
import { button, iconButton, make, slot } from './dom.ts';
import { EndpointAnswerer, hostOf } from './endpoint.ts';
import type { ChatEvents } from './events.ts';
import { LoadingBar } from './loading-bar.ts';
import { type EngineState, SharedEngine } from './shared-engine.ts';
import { sizeText, warmUpSizes } from './size.ts';
import { fill } from './strings.ts';
import { VIEW_STYLE } from './view-style.ts';
import { TurnView } from './turn.ts';

/** What opens: the conversation, and all that belongs to it. Loaded when the chat is opened for the first time. */
export class ChatView {
  readonly #config: ChatConfig;
  readonly #strings;
  readonly #title = make('h2', 'title');
  readonly #by = make('p', 'by');
  readonly #log = make('div', 'log');
  readonly #greeting = make('p', 'greeting');
  readonly #suggestions = make('ul', 'suggestions');
  readonly #turnList = make('div', 'turns');
  readonly #notice = make('div', 'notice');
  readonly #announcer = make('div', 'unseen');
  readonly #loading: LoadingBar;
  readonly #composer: Composer;
  readonly #asking = new Asking();
  #turns: TurnView[] = [];
  #engine: SharedEngine | undefined;
  /** Set when the device cannot, and the site has named a server. */
  #server: EndpointAnswerer | undefined;
  #answering: AbortController | undefined;
  #waiting = new Set<() => void>();
  #following = true;

  constructor(
    private readonly host: LinnetChat,
    private readonly panel: HTMLElement,
  ) {
    this.#config = new ChatConfig(host);
    const strings = (this.#strings = this.#config.strings);
    this.#loading = new LoadingBar(strings, (bytes) => sizeText(bytes, this.#config.language), () => this.#start(true), () => this.#engine?.pause());
    this.#composer = new Composer(strings, (text) => void this.ask(text), () => this.stop());
    this.#build();
    MarkdownText.warmUp();
    warmUpSizes(this.#config.language);
  }

  /** The chat is seen (again). */
  opened(focus: boolean): void {
    this.rename();
    this.#greet();
    if (!this.#server) this.#prepare();
    if (focus) this.#composer.focus();
  }

  /** Takes up what the site has changed of title and greeting. */
  rename(): void {
    this.#title.textContent = this.#config.title;
    this.#greeting.textContent = this.#config.greeting;
    this.#greeting.hidden = !this.#config.greeting;
  }

  /** Puts a question, and shows the answer as it comes. Waits for the model if it is still loading. */
  async ask(question: string): Promise<void> {
    if (this.#answering || !question.trim()) return;
    this.#composer.text = '';
    const turn = new TurnView(question.trim(), this.#strings, () => void this.#answer(turn));
    for (const other of this.#turns) other.retriable = false;
    this.#turns.push(turn);
    this.#turnList.append(...turn.nodes);
    this.#emit('linnet-question', { question: turn.question });
    await this.#answer(turn);
  }

  /** Ends the answer that is being written. What there is of it stays. */
  stop(): void {
    this.#answering?.abort();
  }

  /** Begins a new conversation. */
  clear(): void {
    this.stop();
    for (const turn of this.#turns) turn.remove();
    this.#turns = [];
    this.#asking.forget();
    this.#hideNotice();
    this.#greet();
    this.#announce(this.#strings.cleared);
    this.#composer.focus();
    this.#emit('linnet-clear', null);
  }

  /** The element has left the page. */
  dispose(): void {
    this.stop();
    this.#engine?.leave(this.#onEngine);
    this.#engine = undefined;
  }

  #build(): void {
    const strings = this.#strings;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(VIEW_STYLE);
    const root = this.host.shadowRoot!;
    root.adoptedStyleSheets = [root.adoptedStyleSheets[0]!, sheet];
    const header = make('header', 'header');
    const names = make('div', 'names');
    names.append(slot('title', this.#title), this.#by);
    header.append(names, iconButton('icon clear', 'clear', strings.clear, () => this.clear()));
    if (this.host.mode !== 'inline') header.append(iconButton('icon close', 'close', strings.close, () => this.host.hide()));

    this.#log.tabIndex = 0;
    this.#log.setAttribute('role', 'log');
    // What comes is told when it is complete, not word by word.
    this.#log.setAttribute('aria-live', 'off');
    this.#log.setAttribute('aria-label', strings.conversation);
    this.#suggestions.setAttribute('aria-label', strings.suggestions);
    this.#notice.setAttribute('role', 'alert');
    this.#notice.hidden = true;
    this.#announcer.setAttribute('aria-live', 'polite');
    this.#log.append(slot('greeting', this.#greeting), this.#suggestions, this.#turnList, this.#notice);
    this.#log.addEventListener('scroll', () => {
      const { scrollTop, scrollHeight, clientHeight } = this.#log;
      this.#following = scrollHeight - scrollTop - clientHeight < 48;
    });
    const dock = make('div', 'dock');
    dock.append(this.#loading.node, this.#composer.node, slot('footer'));
    this.panel.replaceChildren(header, this.#log, dock, this.#announcer);
    // The text grows, and the room shrinks when a phone's keyboard opens; the newest text should stay in sight. At this point of a
    // frame the layout is done, so that nobody waits for it.
    const sizes = new ResizeObserver(() => this.#follow());
    for (const box of [this.#log, this.#turnList, this.#notice]) sizes.observe(box);
  }

  /** What an empty conversation shows. */
  #greet(): void {
    const items = this.#config.suggestions.map((text) => {
      const item = make('li');
      const choice = button('suggestion', text, () => void this.ask(text));
      choice.dir = 'auto';
      item.append(choice);
      return item;
    });
    this.#suggestions.replaceChildren(...items);
    this.#suggestions.hidden = items.length === 0 || this.#turns.length > 0;
  }

  /** Joins the engine, and asks for what it needs. */
  #prepare(): void {
    if (this.host.engine) {
      this.#loading.node.hidden = true;
      this.#present(new DeviceAnswerer(this.host.engine, this.#config.manners));
      return;
    }
    const { model, loadOptions } = this.#config;
    if (!this.#answering && this.#engine?.isFor(model, loadOptions) === false) {
      // The site has asked for another model since.
      this.#engine.leave(this.#onEngine);
      this.#engine = undefined;
      this.#by.textContent = '';
      delete this.#by.dataset['by'];
    }
    const engine = (this.#engine ??= SharedEngine.join(model, loadOptions, this.#onEngine));
    if (engine.state.kind !== 'idle') return this.#onEngine(engine.state);
    // What needs no download needs no question.
    void isStored(model).then((stored) => {
      if (engine.state.kind !== 'idle' || this.#engine !== engine) return;
      if (stored) this.#start(false);
      else this.#onEngine(engine.state);
    });
  }

  readonly #onEngine = (state: EngineState): void => {
    const { endpoint, language, modelBytes, modelName } = this.#config;
    this.#loading.show(state);
    switch (state.kind) {
      case 'idle': {
        const { consent, consentUnsized, consentServer } = this.#strings;
        const text = fill(modelBytes ? consent : consentUnsized, { model: modelName, size: modelBytes ? sizeText(modelBytes, language) : '' });
        this.#loading.ask(endpoint ? `${text} ${fill(consentServer, { host: hostOf(endpoint.address, document.baseURI) })}` : text, modelBytes);
        break;
      }
      case 'loading':
        // What went wrong since it began stays to be read.
        if (state.progress) this.#emit('linnet-progress', state.progress);
        else this.#hideNotice();
        break;
      case 'ready':
        this.#present(new DeviceAnswerer(state.linnet, this.#config.manners));
        if (state.linnet.info().recovered) this.#showNotice(this.#strings.recovered, 'note');
        break;
      case 'failed':
        // A question that waits tells of it itself.
        if (!this.#turnToServer() && this.#waiting.size === 0) this.#fail(state.error, () => this.#start(false));
    }
    for (const check of [...this.#waiting]) check();
  };

  #start(asked: boolean): void {
    if (asked && this.#engine?.state.kind === 'idle') {
      this.#emit('linnet-consent', { model: this.#config.model });
      this.#composer.focus();
    }
    this.#engine?.start();
  }

  /** The server answers from now on, if the site has named one. The person is told. */
  #turnToServer(): boolean {
    const { endpoint } = this.#config;
    if (!endpoint || this.#server) return this.#server !== undefined;
    try {
      this.#server = new EndpointAnswerer(endpoint.address, document.baseURI, endpoint.model, endpoint.headers);
    } catch {
      return false;
    }
    this.#loading.node.hidden = true;
    this.#present(this.#server);
    this.#showNotice(fill(this.#strings.serverAnswers, { host: this.#server.name }), 'note');
    return true;
  }

  /** Says who answers. */
  #present(answerer: Answerer): void {
    const { onDevice, byServer } = this.#strings;
    const text = answerer.by === 'device' ? `${onDevice} · ${answerer.name}` : fill(byServer, { host: answerer.name });
    if (this.#by.textContent === text) return;
    this.#by.textContent = text;
    this.#by.dataset['by'] = answerer.by;
    this.#emit('linnet-ready', { by: answerer.by, name: answerer.name });
  }

  async #answer(turn: TurnView): Promise<void> {
    if (this.#answering) return;
    const answering = new AbortController();
    this.#answering = answering;
    this.#composer.busy = true;
    this.#suggestions.hidden = true;
    if (this.#notice.dataset['kind'] !== 'note') this.#hideNotice();
    this.#following = true;
    turn.begin();
    this.#announce(this.#strings.writing);
    try {
      // The question is shown first.
      await nextTask();
      await this.#write(turn, answering.signal);
    } catch (thrown) {
      const error = thrown instanceof LinnetError ? thrown : new LinnetError('internal', String(thrown));
      await turn.end();
      if (answering.signal.aborted) this.#stopped(turn);
      else this.#unanswered(turn, error);
    } finally {
      if (this.#answering === answering) {
        this.#answering = undefined;
        this.#composer.busy = false;
      }
    }
  }

  async #write(turn: TurnView, signal: AbortSignal): Promise<void> {
    for (;;) {
      const answerer = await this.#answerer(turn, signal);
      try {
        const end = await this.#stream(turn, answerer, signal);
        await turn.end();
        await nextTask();
        this.#finished(turn, answerer, end);
        await nextTask();
        return;
      } catch (thrown) {
        const error = thrown instanceof LinnetError ? thrown : new LinnetError('internal', String(thrown));
        if (signal.aborted || answerer.by === 'endpoint') throw error;
        this.#engine?.failed(error);
        // A question that is too long is so for everybody.
        if (error.code === 'context-full' || error.code === 'invalid-request' || !this.#turnToServer()) throw error;
        turn.begin();
      }
    }
  }

  /** Asks, and shows what is answered. What the model thinks first is no part of that. */
  async #stream(turn: TurnView, answerer: Answerer, signal: AbortSignal): Promise<'stop' | 'length'> {
    const past = this.#turns.slice(0, this.#turns.indexOf(turn)).filter(({ answer }) => answer).map(({ question, answer }): Exchange => ({ question, answer }));
    const { system, context, temperature, maxTokens } = this.#config;
    const parts = new ThoughtSplitter();
    let end: 'stop' | 'length' = 'stop';
    let left = 0;
    const show = ({ thought, answer, anew }: SpokenPiece) => {
      if (anew) turn.begin();
      if (answer || thought) turn.note(!answer ? this.#strings.thinking : left > 0 ? this.#strings.shortened : '');
      turn.write(answer);
    };
    turn.note('');
    const pieces = this.#asking.ask(answerer, { system, context, past, question: turn.question }, { maxTokens, temperature, signal });
    for await (const { text, read, finishReason, dropped } of pieces) {
      left = dropped;
      if (read !== undefined) turn.note(fill(this.#strings.reading, { percent: String(Math.floor(100 * read)) }));
      if (text) show(parts.add(text));
      end = finishReason ?? end;
    }
    show(parts.end());
    return end;
  }

  /** Who answers, as soon as there is somebody. */
  #answerer(turn: TurnView, signal: AbortSignal): Promise<Answerer> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const state = this.#engine?.state;
        if (signal.aborted) reject(new LinnetError('aborted', 'Stopped.'));
        else if (this.#server) resolve(this.#server);
        else if (this.host.engine) resolve(new DeviceAnswerer(this.host.engine, this.#config.manners));
        else if (state?.kind === 'ready') resolve(new DeviceAnswerer(state.linnet, this.#config.manners));
        else if (state?.kind === 'failed') reject(state.error);
        else return turn.note(this.#strings.waiting);
        this.#waiting.delete(check);
        signal.removeEventListener('abort', check);
      };
      this.#waiting.add(check);
      signal.addEventListener('abort', check);
      // Whoever asks after a failure wants another try.
      if (this.#engine?.state.kind === 'failed') this.#start(false);
      check();
    });
  }

  #finished(turn: TurnView, { by, name }: Answerer, finishReason: 'stop' | 'length'): void {
    const notes = [by === 'endpoint' ? fill(this.#strings.byServer, { host: name }) : '', finishReason === 'length' ? this.#strings.cutOff : ''];
    turn.note(notes.filter(Boolean).join(' · '));
    this.#announce(turn.spoken);
    this.#emit('linnet-answer', { question: turn.question, answer: turn.answer, by, finishReason });
  }

  #stopped(turn: TurnView): void {
    this.#announce(this.#strings.stopped);
    if (!this.#turns.includes(turn)) return;
    if (!turn.answer) return this.#takeBack(turn);
    turn.note(this.#strings.stopped);
    this.#emit('linnet-answer', { question: turn.question, answer: turn.answer, by: this.#server ? 'endpoint' : 'device', finishReason: 'stopped' });
  }

  /** A question that got no answer goes back into the box, so that nothing typed is lost. */
  #takeBack(turn: TurnView): void {
    turn.remove();
    this.#turns = this.#turns.filter((other) => other !== turn);
    if (!this.#composer.text) this.#composer.text = turn.question;
    this.#greet();
  }

  /** An answer failed. What there is of it stays. */
  #unanswered(turn: TurnView, error: LinnetError): void {
    if (turn.answer) return this.#fail(error, () => void this.#answer(turn));
    this.#takeBack(turn);
    this.#fail(error, () => {
      this.#composer.text = '';
      void this.ask(turn.question);
    });
  }

  #fail(error: LinnetError, again: () => void): void {
    const { errors, failed, serverFailed } = this.#strings;
    const ofServer = this.#server && error.code !== 'context-full';
    // The words for a code are about the model, and not about a file of the package that the site does not serve.
    const unserved = error.details['part'] === 'engine' && error.code !== 'network';
    const own = unserved ? failed : (errors[error.code] ?? failed);
    const text = ofServer ? fill(serverFailed, { host: this.#server!.name }) : own;
    this.#showNotice(text, error.code, button('again', this.#strings.tryAgain, again));
    this.#emit('linnet-error', { code: error.code, message: error.message });
  }

  #showNotice(text: string, kind: string, ...actions: HTMLElement[]): void {
    this.#notice.dataset['kind'] = kind;
    this.#notice.replaceChildren(make('p', '', text), ...actions);
    this.#notice.hidden = false;
  }

  #hideNotice(): void {
    this.#notice.hidden = true;
    delete this.#notice.dataset['kind'];
  }

  #announce(text: string): void {
    this.#announcer.textContent = text;
  }

  #follow(): void {
    if (this.#following) this.#log.scrollTop = this.#log.scrollHeight;
  }

  #emit<K extends keyof ChatEvents>(name: K, detail: ChatEvents[K]): void {
    this.host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}
