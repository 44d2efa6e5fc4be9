import type { ChatHost } from '../shell/host.ts';
import type { Answerer } from '../providers/answerer.ts';
import type { ChatConfig } from '../shell/config.ts';
import { button, iconButton, make, slot } from '../parts/dom.ts';
import { ChatLog } from '../parts/log.ts';
import { ChatNotice, noticeElements } from '../parts/notice.ts';
import { fill } from '../shell/strings.ts';
import type { TurnView } from './turn.ts';
import { VIEW_STYLE } from './view-style.ts';

/**
 * The parts of an open chat that show something: the header, the conversation, and notices. The controls in the dock
 * below belong to the view.
 */
export class Frame {
  readonly #notice = noticeElements();
  readonly notice = new ChatNotice(this.#notice);
  readonly #title = make('h2', 'title');
  readonly #by = make('p', 'by');
  readonly #scroller = make('div', 'log');
  readonly #greeting = make('p', 'greeting');
  readonly #privacy = make('p', 'privacy');
  readonly #suggestions = make('ul', 'suggestions');
  readonly #turns = make('div', 'turns');
  readonly #announcer = make('div', 'unseen');
  readonly #dock = make('div', 'dock');
  /** The conversation. */
  readonly log = new ChatLog<TurnView>(
    { scroller: this.#scroller, log: this.#scroller, turns: this.#turns, announcer: this.#announcer },
    [this.#notice.node],
  );

  constructor(
    host: ChatHost,
    panel: HTMLElement,
    private readonly config: ChatConfig,
    onClear: () => void,
  ) {
    const { strings } = config;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(VIEW_STYLE);
    const root = host.shadowRoot!;
    root.adoptedStyleSheets = [root.adoptedStyleSheets[0]!, sheet];
    const header = make('header', 'header');
    const names = make('div', 'names');
    names.append(slot('title', this.#title), this.#by);
    header.append(names, iconButton('icon clear', 'clear', strings.clear, onClear));
    if (host.mode !== 'inline') header.append(iconButton('icon close', 'close', strings.close, () => host.hide()));

    this.#scroller.tabIndex = 0;
    this.#scroller.setAttribute('aria-label', strings.conversation);
    this.#suggestions.setAttribute('aria-label', strings.suggestions);
    this.#scroller.append(
      slot('greeting', this.#greeting),
      this.#privacy,
      this.#suggestions,
      this.#turns,
      this.#notice.node,
    );
    panel.replaceChildren(header, this.#scroller, this.#dock, this.#announcer);
  }

  /** Puts the view's controls below the conversation. */
  dock(controls: readonly Node[]): void {
    this.#dock.replaceChildren(...controls, slot('footer'));
  }

  /** Applies changes of the title and the greeting. */
  rename(): void {
    this.#title.textContent = this.config.title;
    this.#greeting.textContent = this.config.greeting;
    this.#greeting.hidden = !this.config.greeting;
  }

  /** Applies the site's suggestions, and shows them while the conversation is empty. */
  suggest(ask: (question: string) => void): void {
    const items = this.config.suggestions.map((text) => {
      const item = make('li');
      const choice = button('suggestion', text, () => ask(text));
      choice.dir = 'auto';
      item.append(choice);
      return item;
    });
    this.#suggestions.replaceChildren(...items);
    this.#suggestions.hidden = items.length === 0 || !this.log.isEmpty;
  }

  hideSuggestions(): void {
    this.#suggestions.hidden = true;
  }

  /** Shows who answers. Returns whether this has changed. */
  present(answerer: Answerer | undefined): boolean {
    const { onDevice, byServer } = this.config.strings;
    const place =
      answerer?.by === 'device'
        ? `${onDevice} · ${answerer.name}`
        : answerer
          ? fill(byServer, { host: answerer.name })
          : '';
    if (this.#by.textContent === place) return false;
    this.#by.textContent = place;
    if (answerer) this.#by.dataset['by'] = answerer.by;
    else delete this.#by.dataset['by'];
    return true;
  }

  /** Where the person's words go, shown before they write; hidden if empty. */
  set privacy(text: string) {
    this.#privacy.textContent = text;
    this.#privacy.hidden = !text;
  }
}
