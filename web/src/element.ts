/**
 * `<linnet-chat>`: a chat in a page, by one script tag and one element. This module is all that loads before somebody opens it:
 * the view, its Markdown and the engine are fetched then, and the model only after the person has agreed to its download.
 */
import { BUTTON_STRINGS, type ChatStrings } from './element/shell/button-strings.ts';
import { BUTTON_STYLE } from './element/shell/button-style.ts';
import { isComposing } from './element/view/dom.ts';
import type { ChatEngine } from './element/shell/engine.ts';
export type { ChatEngine } from './element/shell/engine.ts';
import type { ChatHost } from './element/shell/host.ts';
import type { ChatView } from './element/view/view.ts';

export type { ChatStrings } from './element/shell/button-strings.ts';
export type { AnsweredBy, ChatEvents } from './element/shell/events.ts';

/** Where the icon of a closed chat lies on its 24 x 24 grid: a bubble with three dots. */
const BUBBLE = 'M12 3.5c5 0 9 3.4 9 7.7s-4 7.7-9 7.7c-1 0-2-.1-2.9-.4L4.5 20.5l1-3.4C4 15.7 3 13.6 3 11.2c0-4.3 4-7.7 9-7.7ZM8 11.3h.01M12 11.3h.01M16 11.3h.01';

/** The properties that are more than a value. */
const ACCESSORS = ['mode', 'model', 'endpoint', 'heading', 'greeting', 'system', 'open', 'strings'];

// On a server there are no elements; the module may be imported there all the same.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * The element. Its attributes (`mode`, `open`, `model`, `model-base`, `model-bytes`, `backend`, `context-length`, `endpoint`,
 * `endpoint-model`, `system`, `greeting`, `heading`, `suggestions`, `temperature`, `max-tokens`, `when-hidden`, `pace`, `theme`) are read when they are
 * needed; those about the model count from the next opening on.
 */
export class LinnetChat extends Base implements ChatHost {
  static readonly observedAttributes = ['open', 'mode', 'heading', 'greeting'];

  /** Questions to choose from, in place of the attribute `suggestions` (`First?|Second?`; `\|` is a bar in one). */
  declare suggestions: readonly string[] | undefined;
  /** What the model is to know of the site, in place of a child `<script type="text/plain">`. As much of it is used as the context holds. */
  declare context: string | undefined;
  /** An engine that is loaded already, in place of `model`: `await Linnet.load(…)`. It is the page's: the element does not dispose it. */
  declare engine: ChatEngine | undefined;
  /** More headers for the `endpoint`. Whatever is written here can be read by everybody who opens the page. */
  declare endpointHeaders: Record<string, string> | undefined;
  #strings: Partial<ChatStrings> = {};
  #view: ChatView | undefined;
  #opening: Promise<ChatView> | undefined;
  #parts: { launcher: HTMLButtonElement; label: HTMLElement; start: HTMLElement; panel: HTMLElement; hint: HTMLElement } | undefined;

  constructor() {
    super();
    // A value that was set before the element was known hides the property of that name: it is put in again.
    for (const name of ACCESSORS) {
      if (!Object.hasOwn(this, name)) continue;
      const value: unknown = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }

  /** The texts of the element, for other languages. What is left out is English. */
  get strings(): Partial<ChatStrings> {
    return this.#strings;
  }
  set strings(strings: Partial<ChatStrings>) {
    this.#strings = strings;
    this.#label();
  }

  /** `button` (a round button that opens the chat above the page) or `inline` (the chat stands where the element stands). */
  get mode(): string {
    return this.getAttribute('mode') ?? 'button';
  }
  set mode(value: string) {
    this.setAttribute('mode', value);
  }
  /** The model's id or address; the first of the package's list if there is none. */
  get model(): string | null {
    return this.getAttribute('model');
  }
  set model(value: string | null) {
    this.#reflect('model', value);
  }
  /** A server that speaks OpenAI's API (`https://example.org/v1`): it can answer where this device cannot, if the person agrees. */
  get endpoint(): string | null {
    return this.getAttribute('endpoint');
  }
  set endpoint(value: string | null) {
    this.#reflect('endpoint', value);
  }
  /** The chat's title. */
  get heading(): string | null {
    return this.getAttribute('heading');
  }
  set heading(value: string | null) {
    this.#reflect('heading', value);
  }
  /** What stands above the first question. */
  get greeting(): string | null {
    return this.getAttribute('greeting');
  }
  set greeting(value: string | null) {
    this.#reflect('greeting', value);
  }
  /** What the model is told before the conversation. */
  get system(): string | null {
    return this.getAttribute('system');
  }
  set system(value: string | null) {
    this.#reflect('system', value);
  }
  /** Whether the chat is open. */
  get open(): boolean {
    return this.hasAttribute('open');
  }
  set open(open: boolean) {
    this.toggleAttribute('open', open);
  }

  /** The browser says that the element is in the page. */
  connectedCallback(): void {
    this.#parts ??= this.#build();
    this.#label();
    if (this.open) void this.#open(false);
  }

  /** The browser says that it is there no more. */
  disconnectedCallback(): void {
    // An element that is only moved comes back at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#view?.dispose();
      this.#view = undefined;
      this.#opening = undefined;
      this.#parts?.panel.replaceChildren();
    });
  }

  /** The browser says that an attribute has another value. */
  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.#parts) return;
    this.#label();
    if (name !== 'open' || (before === null) === (now === null)) return;
    if (now === null) this.#close();
    else void this.#open(true);
  }

  /** Opens the chat. Settles when it can be seen. */
  async show(): Promise<void> {
    this.open = true;
    await this.#opening;
  }

  /** Closes it. The conversation stays, and an answer that is being written goes on. */
  hide(): void {
    this.open = false;
  }

  /** Opens the chat and puts a question; settles when it is answered. A download still waits for the person's consent. */
  async ask(question: string): Promise<void> {
    await this.show();
    await this.#view?.ask(question);
  }

  /** Ends the answer that is being written. */
  stop(): void {
    this.#view?.stop();
  }

  /** Begins a new conversation. */
  clear(): void {
    this.#view?.clear();
  }

  #build() {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    // A sheet, since a policy may forbid styles that stand in the document.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(BUTTON_STYLE);
    shadow.adoptedStyleSheets = [sheet];

    const launcher = document.createElement('button');
    launcher.type = 'button';
    launcher.className = 'launcher';
    launcher.part.add('launcher');
    const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    icon.setAttribute('viewBox', '0 0 24 24');
    icon.setAttribute('aria-hidden', 'true');
    icon.append(document.createElementNS('http://www.w3.org/2000/svg', 'path'));
    icon.firstElementChild!.setAttribute('d', BUBBLE);
    const slot = document.createElement('slot');
    slot.name = 'launcher';
    slot.append(icon);
    const label = document.createElement('span');
    label.className = 'label';
    launcher.append(slot, label);
    launcher.addEventListener('click', () => (this.open = !this.open));

    // What an inline chat shows until it is opened.
    const start = document.createElement('div');
    start.className = 'start';
    start.part.add('start');
    const hint = document.createElement('p');
    hint.className = 'hint';
    hint.setAttribute('role', 'alert');
    const panel = document.createElement('section');
    panel.className = 'panel';
    panel.part.add('panel');
    panel.hidden = true;
    panel.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || isComposing(event) || this.mode === 'inline') return;
      event.stopPropagation();
      this.open = false;
    });
    shadow.append(start, launcher, hint, panel);
    return { launcher, label, start, panel, hint };
  }

  /** Says what the buttons do, in the page's words. */
  #label(): void {
    if (!this.#parts) return;
    const { launcher, label, start, panel } = this.#parts;
    const inline = this.mode === 'inline';
    const strings = { ...BUTTON_STRINGS, ...this.#strings };
    const heading = this.heading ?? strings.title;
    const text = inline ? strings.start : this.open ? strings.close : strings.open;
    label.textContent = text;
    launcher.setAttribute('aria-expanded', String(this.open));
    // Of two chats in a page each has its name.
    launcher.setAttribute('aria-label', this.heading ? `${text}: ${heading}` : text);
    launcher.title = inline ? '' : text;
    start.textContent = this.greeting ?? '';
    start.hidden = !inline || this.open || !this.greeting;
    launcher.hidden = inline && this.open;
    panel.setAttribute('role', inline ? 'region' : 'dialog');
    panel.setAttribute('aria-label', heading);
    this.#view?.rename();
  }

  async #open(focus: boolean): Promise<void> {
    const { panel, launcher, hint } = this.#parts!;
    hint.textContent = '';
    launcher.setAttribute('aria-busy', 'true');
    try {
      this.#opening ??= this.#load(panel);
      const view = await this.#opening;
      if (!this.open) return;
      panel.hidden = false;
      view.opened(focus);
      this.dispatchEvent(new CustomEvent('linnet-open', { bubbles: true, composed: true }));
    } catch {
      this.#opening = undefined;
      this.open = false;
      hint.textContent = { ...BUTTON_STRINGS, ...this.#strings }.unloadable;
    } finally {
      launcher.removeAttribute('aria-busy');
    }
  }

  async #load(panel: HTMLElement): Promise<ChatView> {
    const { ChatView } = await import('./element/view/view.ts');
    this.#view = new ChatView(this, panel);
    return this.#view;
  }

  #close(): void {
    const { panel, launcher } = this.#parts!;
    if (panel.hidden) return;
    const focused = this.shadowRoot!.activeElement;
    panel.hidden = true;
    if (focused && panel.contains(focused)) launcher.focus();
    this.dispatchEvent(new CustomEvent('linnet-close', { bubbles: true, composed: true }));
  }

  #reflect(name: string, value: string | null): void {
    if (value === null) this.removeAttribute(name);
    else this.setAttribute(name, value);
  }
}

// Two copies of the package in one page are one element: the first one's.
if (globalThis.customElements && !customElements.get('linnet-chat')) customElements.define('linnet-chat', LinnetChat);
