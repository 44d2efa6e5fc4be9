import type { LinnetError } from '../../index.ts';
import type { Answerer } from '../providers/answerer.ts';
import { DeviceAnswerer } from '../providers/device.ts';
import { LocalEngine } from '../providers/local-engine.ts';
import type { Server } from '../providers/server.ts';
import type { EngineState } from '../providers/shared-engine.ts';
import { mistakesIn, tellOwner } from '../shell/attributes.ts';
import type { ChatConfig } from '../shell/config.ts';
import { emit } from '../shell/events.ts';
import type { ChatHost } from '../shell/host.ts';
import { sizeText } from '../shell/size.ts';
import type { Composer } from '../parts/composer.ts';
import type { Frame } from './frame.ts';
import { LoadingBar } from './loading-bar.ts';

/** Gets a chat ready to answer: joins the engine, asks the person for what it needs, and shows who answers. */
export class ChatSetup {
  readonly engine: LocalEngine;
  readonly loading: LoadingBar;
  /** Whether the model reasons before it answers, if the person has switched it. */
  thinking: boolean | undefined;
  #answerer: Answerer | undefined;

  /** @param onFailure called with an error that no waiting question reports */
  constructor(
    private readonly host: ChatHost,
    private readonly config: ChatConfig,
    private readonly server: Server,
    private readonly frame: Frame,
    private readonly composer: Composer,
    private readonly onFailure: (error: LinnetError) => void,
  ) {
    this.loading = new LoadingBar(
      config.strings,
      (bytes) => sizeText(bytes, config.language),
      () => this.#start(),
      () => this.engine.pause(),
    );
    this.engine = new LocalEngine(config, (state) => this.#follow(state));
  }

  /** Whether errors in the site's configuration make the chat unavailable. Only the console shows them. */
  unavailable(): boolean {
    const { strings } = this.config;
    const { notice } = this.frame;
    const mistakes = mistakesIn(this.host);
    for (const mistake of mistakes) tellOwner(mistake);
    const unavailable = mistakes.some(({ fatal }) => fatal);
    this.composer.disabled = unavailable;
    if (unavailable) {
      this.loading.node.hidden = true;
      this.frame.hideSuggestions();
      notice.show(strings.unavailable, 'invalid-request');
    } else if (notice.text === strings.unavailable) {
      notice.hide();
    }
    return unavailable;
  }

  /** Joins the engine, and asks the person for what it needs. An answer in progress keeps the engine that it has. */
  prepare(answering: boolean): void {
    const { config } = this;
    if (this.unavailable()) return this.#leave();
    const server = this.server.allowed ?? (config.serverOnly ? this.server.answerer : undefined);
    if (config.engine || server) {
      if (config.serverOnly) this.#leave();
      return this.answeredBy(server ?? new DeviceAnswerer(config.engine!, config.policy));
    }
    // The site has set another model since.
    if (!answering && this.engine.outdated) this.#leave();
    this.engine.join();
  }

  /** Shows who answers when there is nothing to load. */
  answeredBy(answerer: Answerer): void {
    this.loading.node.hidden = true;
    this.#present(answerer);
    this.#tellWhoGetsIt();
  }

  /** Leaves the engine. */
  #leave(): void {
    this.engine.leave();
    this.loading.node.hidden = true;
    this.composer.thinkingSwitch = false;
    this.frame.present(undefined);
  }

  /** Names the server in advance, if there is one. The question before the download does so itself. */
  #tellWhoGetsIt(): void {
    this.frame.privacy = this.server.tell(this.loading.asks);
  }

  /** Shows how loading proceeds. */
  #follow(state: EngineState): void {
    const { config, loading } = this;
    const { notice } = this.frame;
    // The server answers this conversation.
    if (this.server.allowed) return;
    if (state.kind !== 'idle') loading.show(state);
    switch (state.kind) {
      case 'idle':
        loading.ask(config.consent(this.server.answerer?.name), config.modelBytes);
        if (this.composer.untouched) loading.focus();
        break;
      case 'loading':
        // Errors since the start of the load stay visible.
        if (state.progress) emit(this.host, 'linnet-progress', state.progress);
        else notice.hide();
        break;
      case 'ready':
        this.#present(new DeviceAnswerer(state.linnet, config.policy));
        if (state.linnet.info().recovered) notice.show(config.strings.recovered, 'note');
        break;
      case 'failed':
        // A waiting question reports the error itself.
        if (!this.engine.awaited) this.onFailure(state.error);
    }
    this.#tellWhoGetsIt();
  }

  /** Called when the person agrees to the download or continues it. */
  #start(): void {
    if (this.engine.state.kind === 'idle') emit(this.host, 'linnet-consent', { model: this.config.model });
    // The button is about to be removed.
    this.composer.focus();
    this.engine.start();
  }

  /** Shows whether the model reasons before it answers. */
  showThinking(): void {
    this.composer.thinking = this.thinking ?? this.config.thinking ?? this.#answerer?.thinks ?? true;
  }

  #present(answerer: Answerer): void {
    this.#answerer = answerer;
    this.composer.thinkingSwitch = answerer.thinkingSwitch;
    this.showThinking();
    if (this.frame.present(answerer)) emit(this.host, 'linnet-ready', { by: answerer.by, name: answerer.name });
  }
}
