import type { Chat } from './chat.ts';
import { Chats, type StoredChat, titleOf } from './chats.ts';
import { fileName, jsonOf, markdownOf, save } from './export.ts';
import { button, element, make } from './page.ts';

/** Which conversation this tab shows: a reload, or a phone that has ended the tab, brings it back. */
const SHOWN = 'linnet-shown';

/** Keeps the conversations, lists them in the drawer, and brings them back. */
export class ChatMenu {
  readonly #chats = new Chats();
  readonly #drawer = element('menu', HTMLDialogElement);
  readonly #list = element('chats', HTMLUListElement);
  readonly #exports = [
    element('export-markdown', HTMLButtonElement),
    element('export-json', HTMLButtonElement),
  ];
  #id = newId();
  /** What was kept last, so that looking at a conversation does not change its place in the list. */
  #kept = '[]';

  /**
   * @param modelName the name of the model in use
   * @param onSwitch hears that another conversation is shown
   */
  constructor(
    private readonly chat: Chat,
    private readonly modelName: () => string,
    private readonly onSwitch: () => void,
  ) {
    element('menu-button', HTMLButtonElement).addEventListener('click', () => void this.#open());
    this.#drawer.addEventListener('click', (event) => {
      if (event.target === this.#drawer) this.#drawer.close();
    });
    this.#exports[0]!.addEventListener('click', () => this.#export('md', 'text/markdown', markdownOf));
    this.#exports[1]!.addEventListener('click', () => this.#export('json', 'application/json', jsonOf));
  }

  /** Shows what this tab showed before a reload. */
  async restore(): Promise<void> {
    const id = shown();
    const stored = id === undefined ? undefined : await this.#chats.get(id);
    if (stored && this.chat.conversation.isEmpty) this.#show(stored);
  }

  /** Keeps the conversation as it is now. One without any exchange is none. */
  keep(): void {
    const exchanges = this.chat.conversation.exchanges();
    const text = JSON.stringify(exchanges);
    if (text === this.#kept) return;
    this.#kept = text;
    if (exchanges.length === 0) void this.#chats.delete(this.#id);
    else void this.#chats.put(this.#current());
    show(this.#id);
  }

  /** Puts the conversation away and begins another. */
  begin(): void {
    this.#leave();
    this.#id = newId();
    this.#kept = '[]';
    show(undefined);
  }

  #leave(): void {
    this.keep();
    this.chat.stop();
    this.chat.conversation.clear();
  }

  #current(): StoredChat {
    const { conversation } = this.chat;
    return { id: this.#id, at: Date.now(), model: this.modelName(), system: conversation.system, exchanges: conversation.exchanges() };
  }

  #show(stored: StoredChat): void {
    this.#leave();
    this.#id = stored.id;
    this.#kept = JSON.stringify(stored.exchanges);
    show(stored.id);
    this.chat.conversation.show(stored);
    this.onSwitch();
  }

  async #open(): Promise<void> {
    this.keep();
    await this.#fill();
    for (const export_ of this.#exports) export_.disabled = this.chat.conversation.isEmpty;
    this.#drawer.showModal();
  }

  async #fill(): Promise<void> {
    const chats = await this.#chats.all();
    this.#list.replaceChildren(...chats.map((stored) => this.#item(stored)));
    element('no-chats', HTMLParagraphElement).hidden = chats.length > 0;
  }

  #item(stored: StoredChat): HTMLLIElement {
    const item = make('li', 'kept');
    const title = titleOf(stored);
    const open = button('open', title, () => {
      this.#drawer.close();
      if (stored.id !== this.#id) this.#show(stored);
    });
    open.append(make('span', 'about', `${day(stored.at)} · ${stored.model}`));
    if (stored.id === this.#id) open.setAttribute('aria-current', 'true');
    const remove = button('quiet small', 'Delete', () => void this.#delete(stored));
    remove.setAttribute('aria-label', `Delete “${title}”`);
    item.append(open, remove);
    return item;
  }

  async #delete({ id }: StoredChat): Promise<void> {
    if (id === this.#id) {
      this.begin();
      this.onSwitch();
    }
    await this.#chats.delete(id);
    await this.#fill();
    // The button that had the focus is gone.
    element('menu-close', HTMLButtonElement).focus();
  }

  #export(ending: string, type: string, write: (chat: StoredChat) => string): void {
    const current = this.#current();
    save(fileName(current, ending), type, write(current));
  }
}

function day(at: number): string {
  return new Date(at).toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
}

/** Not `crypto.randomUUID`, which pages without HTTPS do not have. */
function newId(): string {
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

function shown(): string | undefined {
  try {
    return sessionStorage.getItem(SHOWN) ?? undefined;
  } catch {
    return undefined;
  }
}

function show(id: string | undefined): void {
  try {
    if (id === undefined) sessionStorage.removeItem(SHOWN);
    else sessionStorage.setItem(SHOWN, id);
  } catch {
    // A browser that stores nothing brings nothing back.
  }
}
