/**
 * `<linnet-chat>`: adds a chat to a page with one script tag and one element. Only this module is loaded at first.
 * Opening the chat loads the view, the Markdown renderer and the engine; the model is downloaded only after the person
 * agrees.
 */
import { BUTTON_STRINGS, type ChatStrings } from './element/shell/button-strings.ts';
import { BUTTON_STYLE } from './element/shell/button-style.ts';
import { isComposing } from './element/parts/dom.ts';
import type { ChatEngine } from './element/shell/engine.ts';
export type { ChatEngine } from './element/shell/engine.ts';
import type { ChatHost } from './element/shell/host.ts';
import type { PageTool } from './element/tools/page-tool.ts';
import type { ChatView } from './element/view/view.ts';

export type { ChatStrings } from './element/shell/button-strings.ts';
export type { AnsweredBy, ChatEvents } from './element/shell/events.ts';
export type { PageTool } from './element/tools/page-tool.ts';
export type { CallOutcome, ToolCall } from './element/tools/rounds.ts';

/** The icon of a closed chat on a 24 x 24 grid: a bubble with three dots. */
const BUBBLE =
  'M12 3.5c5 0 9 3.4 9 7.7s-4 7.7-9 7.7c-1 0-2-.1-2.9-.4L4.5 20.5l1-3.4C4 15.7 3 13.6 3 11.2c0-4.3 4-7.7 9-7.7Z' +
  'M8 11.3h.01M12 11.3h.01M16 11.3h.01';

/** Properties with accessors. */
const ACCESSORS = ['mode', 'model', 'endpoint', 'heading', 'greeting', 'system', 'thinking', 'open', 'strings'];

// There are no elements on a server, but the module can be imported there.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

/**
 * The element. Its attributes (`mode`, `open`, `model`, `model-base`, `model-bytes`, `backend`, `context-length`,
 * `endpoint`, `endpoint-model`, `system`, `greeting`, `heading`, `suggestions`, `temperature`, `max-tokens`,
 * `thinking`, `when-hidden`, `pace`, `theme`) are read when they are needed. Changes to those about the model take
 * effect when the chat is next opened.
 */
export class LinnetChat extends Base implements ChatHost {
  static readonly observedAttributes = ['open', 'mode', 'heading', 'greeting'];

  /** Suggested questions, instead of the attribute `suggestions` (`First?|Second?`; `\|` is a literal bar). */
  declare suggestions: readonly string[] | undefined;
  /**
   * Facts about the site for the model, instead of a child `<script type="text/plain">`. As much of it is used as fits
   * into the context.
   */
  declare context: string | undefined;
  /**
   * A loaded engine, instead of `model`: `await Linnet.load(…)`. It belongs to the page: the element does not dispose
   * it.
   */
  declare engine: ChatEngine | undefined;
  /** Functions of the site that the model may call. */
  declare tools: readonly PageTool[] | undefined;
  /** Extra headers for the `endpoint`. Everybody who opens the page can read them. */
  declare endpointHeaders: Record<string, string> | undefined;
  #strings: Partial<ChatStrings> = {};
  #view: ChatView | undefined;
  #opening: Promise<ChatView> | undefined;
  #parts:
    | { launcher: HTMLButtonElement; label: HTMLElement; start: HTMLElement; panel: HTMLElement; hint: HTMLElement }
    | undefined;

  constructor() {
    super();
    // A value that was set before the element was defined hides the property of that name: it is set again.
    for (const name of ACCESSORS) {
      if (!Object.hasOwn(this, name)) continue;
      const value: unknown = Reflect.get(this, name);
      Reflect.deleteProperty(this, name);
      Reflect.set(this, name, value);
    }
  }

  /** The element's texts, for translation. Missing texts are English. */
  get strings(): Partial<ChatStrings> {
    return this.#strings;
  }
  set strings(strings: Partial<ChatStrings>) {
    this.#strings = strings;
    this.#label();
  }

  /** `button` (a round button opens the chat above the page) or `inline` (the chat is part of the page). */
  get mode(): string {
    return this.getAttribute('mode') ?? 'button';
  }
  set mode(value: string) {
    this.setAttribute('mode', value);
  }
  /** The model's id or address; by default the first model of the package's list. */
  get model(): string | null {
    return this.getAttribute('model');
  }
  set model(value: string | null) {
    this.#reflect('model', value);
  }
  /** A server with OpenAI's API (`https://example.org/v1`). It answers if this device cannot and the person agrees. */
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
  /** The text above the first question. */
  get greeting(): string | null {
    return this.getAttribute('greeting');
  }
  set greeting(value: string | null) {
    this.#reflect('greeting', value);
  }
  /** The system prompt. */
  get system(): string | null {
    return this.getAttribute('system');
  }
  set system(value: string | null) {
    this.#reflect('system', value);
  }
  /** Whether the model reasons before it answers, where it can be switched: `on` (default) or `off`. */
  get thinking(): string | null {
    return this.getAttribute('thinking');
  }
  set thinking(value: string | null) {
    this.#reflect('thinking', value);
  }
  /** Whether the chat is open. */
  get open(): boolean {
    return this.hasAttribute('open');
  }
  set open(open: boolean) {
    this.toggleAttribute('open', open);
  }

  /** Called by the browser when the element is added to the page. */
  connectedCallback(): void {
    this.#parts ??= this.#build();
    this.#label();
    if (this.open) void this.#open(false);
  }

  /** Called by the browser when the element is removed from the page. */
  disconnectedCallback(): void {
    // An element that is only moved is connected again at once.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#view?.dispose();
      this.#view = undefined;
      this.#opening = undefined;
      this.#parts?.panel.replaceChildren();
    });
  }

  /** Called by the browser when an attribute changes. */
  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.#parts) return;
    this.#label();
    if (name !== 'open' || (before === null) === (now === null)) return;
    if (now === null) this.#close();
    else void this.#open(true);
  }

  /** Opens the chat. Resolves when it is visible. */
  async show(): Promise<void> {
    this.open = true;
    await this.#opening;
  }

  /** Closes the chat. The conversation stays, and an answer in progress continues. */
  hide(): void {
    this.open = false;
  }

  /** Opens the chat and asks a question. Resolves when it is answered. A download still needs the person's consent. */
  async ask(question: string): Promise<void> {
    await this.show();
    await this.#view?.ask(question);
  }

  /** Stops the answer in progress. */
  stop(): void {
    this.#view?.stop();
  }

  /** Starts a new conversation. */
  clear(): void {
    this.#view?.clear();
  }

  #build() {
    const shadow = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    // A style sheet object, since a policy may forbid inline styles.
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

    // Shown by an inline chat until it is opened.
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

  /** Labels the buttons with the page's texts. */
  #label(): void {
    if (!this.#parts) return;
    const { launcher, label, start, panel } = this.#parts;
    const inline = this.mode === 'inline';
    const strings = { ...BUTTON_STRINGS, ...this.#strings };
    const heading = this.heading ?? strings.title;
    const text = inline ? strings.start : this.open ? strings.close : strings.open;
    label.textContent = text;
    launcher.setAttribute('aria-expanded', String(this.open));
    // Two chats on a page need different names.
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

// If two copies of the package are loaded, the first one defines the element.
if (globalThis.customElements && !customElements.get('linnet-chat')) customElements.define('linnet-chat', LinnetChat);
