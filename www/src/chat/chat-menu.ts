import type { Chat } from './chat.ts';
import { ChatLock } from './chat-lock.ts';
import { Chats, type Fault, type Outcome, type StoredChat, titleOf } from './chats.ts';
import { fileName, jsonOf, markdownOf, save } from './export.ts';
import { button, element, make } from '../page/page.ts';

/** The conversation of this tab, to show it again after a reload or after a phone has ended the tab. */
const SHOWN = 'linnet-shown';

/** The conversation of this tab, and the state of its storage. */
interface Shown {
  id: string;
  /** The last stored state, so that viewing a conversation does not move it in the list. */
  kept: string;
  /** When it was last stored; `undefined` if never. */
  at: number | undefined;
  /** The right to write it, which another tab may hold. */
  lock: ChatLock;
  /** Why the last change is not stored. */
  fault?: Fault | undefined;
  /** The number of exchanges at the last time the person was told that it is not stored. */
  told?: number;
}

/** A conversation that was closed. */
export interface LeftChat {
  /** Shows it again. */
  goBack(): void;
  /** `undefined` once it is stored, or why it is not. */
  fault: Promise<Fault | undefined>;
}

/** Callbacks for other parts of the page. */
interface Listener {
  /** Another conversation is shown, chosen by the person or restored after a reload. */
  onSwitch(chosen: boolean): void;
  /** Another tab has the conversation open: text written here becomes a conversation of its own. */
  onOpenTwice(): void;
  /** The other tab has closed the conversation: text written here is stored in it. */
  onTakenOver(): void;
  /** A conversation could not be stored; called at most once per question. */
  onNotStored(fault: Fault): void;
}

/** Stores the conversations, lists them in the drawer, and restores them. */
export class ChatMenu {
  /** The shown conversation is stored again at the next occasion if the browser has removed it. */
  readonly #chats = new Chats(() => (this.#shown.kept = ''));
  readonly #drawer = element('menu', HTMLDialogElement);
  readonly #list = element('chats', HTMLUListElement);
  readonly #exports = [element('export-markdown', HTMLButtonElement), element('export-json', HTMLButtonElement)];
  #shown = newChat();
  /** Pending stores, in order. */
  #storing: Promise<unknown> = Promise.resolve();
  #keepsChats = true;

  /** @param modelName the name of the model in use */
  constructor(
    private readonly chat: Chat,
    private readonly modelName: () => string,
    private readonly listener: Listener,
  ) {
    element('menu-button', HTMLButtonElement).addEventListener('click', () => void this.#open());
    this.#drawer.addEventListener('click', (event) => {
      if (event.target === this.#drawer) this.#drawer.close();
    });
    this.#exports[0]!.addEventListener('click', () => this.#export('md', 'text/markdown', markdownOf));
    this.#exports[1]!.addEventListener('click', () => this.#export('json', 'application/json', jsonOf));
    void this.#chats.available.then((available) => (this.#keepsChats = available));
  }

  /** Whether a closed conversation can be found again. */
  get keepsChats(): boolean {
    return this.#keepsChats;
  }

  /** Restores this tab's conversation after a reload. */
  async restore(): Promise<void> {
    const id = shown();
    const stored = id === undefined ? undefined : await this.#chats.get(id);
    if (stored && this.chat.conversation.isEmpty) this.#show(stored, false);
  }

  /** Stores the conversation, if it has any exchange. */
  keep(): void {
    const chat = this.#current();
    const text = JSON.stringify(chat.exchanges);
    const place = this.#shown;
    if (text === place.kept) return;
    place.kept = text;
    this.#storing = this.#storing.then(() => this.#store(place, chat));
  }

  /**
   * Closes the conversation and starts another one.
   *
   * @returns the closed one; `undefined` if it was empty
   */
  begin(): LeftChat | undefined {
    const wasEmpty = this.chat.conversation.isEmpty;
    const before = this.#shown;
    const copy = this.#current();
    this.#leave();
    this.#shown = newChat();
    show(undefined);
    if (wasEmpty) return undefined;
    return { goBack: () => void this.#showAgain(before, copy), fault: this.#faultOf(before) };
  }

  async #showAgain(place: Shown, copy: StoredChat): Promise<void> {
    await this.#storing;
    this.#show((await this.#chats.get(place.id)) ?? { ...copy, id: place.id });
  }

  /** Why a closed conversation is not stored. */
  async #faultOf(place: Shown): Promise<Fault | undefined> {
    await this.#storing;
    return (await this.#chats.isStored(place.id)) ? undefined : (place.fault ?? 'failed');
  }

  #leave(): void {
    this.keep();
    this.chat.stop();
    this.chat.conversation.clear();
    const place = this.#shown;
    // Storing it may have given it another id, with its own lock.
    this.#storing = this.#storing.then(() => place.lock.release());
  }

  /** Stores it under its id, or as a new conversation if another tab has that id. */
  async #store(place: Shown, chat: StoredChat): Promise<void> {
    await place.lock.decided;
    const { held } = place.lock;
    let outcome = held ? await this.#put({ ...chat, id: place.id }, place.at) : 'changed';
    if (outcome === 'changed') {
      const mine = newChat();
      place.lock.release();
      Object.assign(place, { id: mine.id, lock: mine.lock, at: undefined });
      outcome = await this.#put({ ...chat, id: place.id }, undefined);
      if (held && place === this.#shown) this.listener.onOpenTwice();
    }
    place.fault = outcome === 'full' || outcome === 'failed' ? outcome : undefined;
    if (outcome === 'done') place.at = chat.at;
    else this.#notStored(place, chat.exchanges.length, place.fault ?? 'failed');
    if (place === this.#shown) show(place.id);
  }

  /** It is tried again at the next occasion. */
  #notStored(place: Shown, exchanges: number, fault: Fault): void {
    place.kept = '';
    if (place.told !== exchanges) this.listener.onNotStored(fault);
    place.told = exchanges;
  }

  #put(chat: StoredChat, known: number | undefined): Promise<Outcome> {
    if (chat.exchanges.length > 0) return this.#chats.put(chat, known);
    return known === undefined ? Promise.resolve('done') : this.#chats.delete(chat.id, known);
  }

  #current(): StoredChat {
    const { conversation } = this.chat;
    const exchanges = conversation.exchanges();
    return { id: this.#shown.id, at: Date.now(), model: this.modelName(), system: conversation.system, exchanges };
  }

  #show(stored: StoredChat, chosen = true): void {
    this.#leave();
    const place: Shown = {
      id: stored.id,
      kept: JSON.stringify(stored.exchanges),
      at: stored.at,
      lock: new ChatLock(stored.id),
    };
    this.#shown = place;
    show(stored.id);
    this.chat.conversation.show(stored);
    this.listener.onSwitch(chosen);
    void this.#awaitLock(place);
  }

  /** Shows that another tab has the conversation open, and takes it over when that tab closes it. */
  async #awaitLock(place: Shown): Promise<void> {
    const { id, lock } = place;
    await lock.decided;
    if (lock.held) return;
    if (this.#shown === place) this.listener.onOpenTwice();
    await lock.given;
    this.#storing = this.#storing.then(async () => {
      // It may have become a separate conversation, or another one is shown.
      if (place.lock === lock && this.#shown === place) await this.#takeOver(place, await this.#chats.get(id));
    });
  }

  async #takeOver(place: Shown, stored: StoredChat | undefined): Promise<void> {
    if (stored && stored.at !== place.at) {
      // The two tabs have written different text: this one becomes a separate conversation when it is stored.
      if (this.chat.busy || JSON.stringify(this.#current().exchanges) !== place.kept) return;
      Object.assign(place, { kept: JSON.stringify(stored.exchanges), at: stored.at });
      this.chat.conversation.show(stored);
    }
    this.listener.onTakenOver();
  }

  async #open(): Promise<void> {
    this.keep();
    await this.#storing;
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
    const open = button('open', '', () => {
      this.#drawer.close();
      if (stored.id !== this.#shown.id) this.#show(stored);
    });
    const name = make('span', '', title);
    name.dir = 'auto';
    open.append(name, make('span', 'about', this.#about(stored)));
    if (stored.id === this.#shown.id) open.setAttribute('aria-current', 'true');
    const remove = button('quiet small', 'Delete', () => void this.#delete(stored));
    remove.setAttribute('aria-label', `Delete “${title}”`);
    item.append(open, remove);
    return item;
  }

  #about({ id, at, model }: StoredChat): string {
    return `${day(at)} · ${model}${this.#chats.isUnsaved(id) ? ' · not saved' : ''}`;
  }

  async #delete({ id }: StoredChat): Promise<void> {
    if (id === this.#shown.id) {
      this.begin();
      this.listener.onSwitch(true);
    }
    await this.#storing;
    await this.#chats.delete(id);
    await this.#fill();
    // The focused button was removed.
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

/** A new conversation that is not stored yet. */
function newChat(): Shown {
  const id = newId();
  return { id, kept: '[]', at: undefined, lock: new ChatLock(id) };
}

/** `crypto.randomUUID` needs HTTPS. */
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
    // A browser that stores nothing restores nothing.
  }
}
