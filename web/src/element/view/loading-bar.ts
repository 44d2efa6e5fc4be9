import type { LoadProgress } from '../../index.ts';
import type { ChatStrings } from '../shell/button-strings.ts';
import { button, make } from '../parts/dom.ts';
import type { EngineState } from '../providers/shared-engine.ts';
import { fill } from '../shell/strings.ts';

/** A bar above the composer that asks before the download and shows its progress. */
export class LoadingBar {
  readonly node = make('div', 'loading');
  readonly #text = make('p', 'loading-text');
  readonly #bar = make('progress', 'progress');
  readonly #button: HTMLButtonElement;
  #action: () => void = () => undefined;

  /** @param start called when the person agrees to the download or continues it; `pause` when they stop it */
  constructor(
    private readonly strings: ChatStrings,
    private readonly size: (bytes: number) => string,
    private readonly start: () => void,
    private readonly pause: () => void,
  ) {
    this.#bar.max = 1;
    this.#button = button('accept', '', () => this.#action());
    // Nothing is shown before it is known whether the model is stored.
    this.node.hidden = true;
    this.#text.id = 'loading-text';
    this.#bar.setAttribute('aria-labelledby', 'loading-text');
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-labelledby', 'loading-text');
    this.node.tabIndex = -1;
    this.node.append(this.#text, this.#bar, this.#button);
  }

  /** Whether it waits for the person. */
  get asks(): boolean {
    return !this.node.hidden && this.node.dataset['state'] !== 'running';
  }

  /** Asks the person. */
  ask(question: string, bytes: number | undefined): void {
    this.#arrange('consent', question, this.strings.accept + (bytes ? ` (${this.size(bytes)})` : ''), this.start);
  }

  /** Shows the engine's state. */
  show(state: Exclude<EngineState, { kind: 'idle' }>): void {
    if (state.kind === 'loading') this.#progress(state.progress);
    else if (state.kind === 'paused') this.#arrange('paused', this.strings.paused, this.strings.resume, this.start);
    else this.node.hidden = true;
  }

  /** The question gets the focus, not its button, so that an Enter that is still pressed agrees to nothing. */
  focus(): void {
    this.node.focus();
  }

  #progress({ phase, loaded, total }: LoadProgress = { phase: 'engine', loaded: 0 }): void {
    const { strings, size } = this;
    const texts = {
      engine: strings.starting,
      download: total
        ? fill(strings.downloading, { done: size(loaded), total: size(total) })
        : fill(strings.downloadingUnsized, { done: size(loaded) }),
      cache: strings.fromStorage,
      file: strings.fromStorage,
      prepare: strings.preparing,
    };
    this.#arrange('running', texts[phase], phase === 'download' ? strings.pause : '', this.pause);
    if (total && phase !== 'prepare') this.#bar.value = loaded / total;
    else this.#bar.removeAttribute('value');
  }

  #arrange(state: 'consent' | 'running' | 'paused', text: string, label: string, action: () => void): void {
    this.node.hidden = false;
    this.node.dataset['state'] = state;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    if (this.#button.textContent !== label) this.#button.textContent = label;
    this.#button.hidden = !label;
    this.#bar.hidden = state !== 'running';
    this.#action = action;
  }
}
