// Stores the conversations in this browser (IndexedDB). Where it stores nothing, as in some private windows, the list
// is empty.
import type { Round, ToolCall } from 'linnet/chat-history';
import { ChatDatabase, completed, isFull, settled } from './chat-database.ts';
import { cutText, plainName } from 'linnet/markdown';

/** A question and its answer. */
export interface Exchange {
  question: string;
  /** The model's text. */
  answer: string;
  /** The answer with its reasoning and tool calls; older pages stored none. */
  rounds?: readonly Round[];
  /** The small line below it. */
  note: string;
}

/** A stored conversation. */
export interface StoredChat {
  id: string;
  /** The time of its last change, in milliseconds since 1970. */
  at: number;
  /** The display name of the model that answered last. */
  model: string;
  /** The system prompt. */
  system: string;
  exchanges: Exchange[];
}

/**
 * The result of a change: `changed` means that another tab has stored the conversation meanwhile, `full` that there was
 * no space, `failed` that the browser refused for another reason.
 */
export type Outcome = 'done' | 'changed' | Fault;

/** Why a conversation was not stored. */
export type Fault = 'full' | 'failed';

/**
 * The list of conversations. Nothing here throws: a chat works whether or not it can be stored. A conversation that the
 * browser did not store is listed until the page ends.
 */
export class Chats {
  readonly #database: ChatDatabase;
  /** The conversations that were not stored, with the last change that was. */
  readonly #unsaved = new Map<string, { chat: StoredChat; known: number | undefined }>();

  /** @param onLost called when the browser may have removed all that was stored */
  constructor(onLost: () => void = () => {}) {
    this.#database = new ChatDatabase(onLost);
  }

  /** Whether this browser stores anything. */
  get available(): Promise<boolean> {
    return this.#database.available;
  }

  /** Newest first. */
  async all(): Promise<StoredChat[]> {
    const found = await this.#read((store) => settled<unknown[]>(store.getAll()));
    const stored = (found ?? []).filter(isChat).filter(({ id }) => !this.#unsaved.has(id));
    const unsaved = [...this.#unsaved.values()].map(({ chat }) => chat);
    return [...stored, ...unsaved].sort((one, other) => other.at - one.at);
  }

  async get(id: string): Promise<StoredChat | undefined> {
    return this.#unsaved.get(id)?.chat ?? this.#stored(id);
  }

  /** Whether the browser has the last change of a conversation. */
  async isStored(id: string): Promise<boolean> {
    return !this.isUnsaved(id) && (await this.#stored(id)) !== undefined;
  }

  /** Whether the last change of a conversation could not be stored. */
  isUnsaved(id: string): boolean {
    return this.#unsaved.has(id);
  }

  /**
   * Stores a conversation, unless another tab has stored it meanwhile.
   *
   * @param known the last change that the caller knows
   * @returns `done` only if it is stored; otherwise nothing was changed
   */
  async put(chat: StoredChat, known: number | undefined): Promise<Outcome> {
    const outcome = await this.#put(chat, known);
    if (outcome === 'full' || outcome === 'failed') this.#unsaved.set(chat.id, { chat, known });
    else this.#unsaved.delete(chat.id);
    if (outcome === 'done') await this.#storeOthers();
    return outcome;
  }

  /** Deletes a conversation, unless another tab has stored it meanwhile; without `known` always. */
  async delete(id: string, known?: number): Promise<Outcome> {
    this.#unsaved.delete(id);
    return this.#unlessChanged(id, known, (store) => store.delete(id), known === undefined);
  }

  /** Stores what could not be stored earlier: there may be space again. */
  async #storeOthers(): Promise<void> {
    for (const [id, { chat, known }] of this.#unsaved)
      if ((await this.#put(chat, known)) === 'done') this.#unsaved.delete(id);
  }

  async #put(chat: StoredChat, known: number | undefined): Promise<Outcome> {
    return this.#unlessChanged(chat.id, known, (store) => store.put(chat));
  }

  async #stored(id: string): Promise<StoredChat | undefined> {
    const found = await this.#read((store) => settled<unknown>(store.get(id)));
    return isChat(found) ? found : undefined;
  }

  /**
   * Reads and changes in one transaction, so that no other tab comes between. If the browser stores nothing, it counts
   * as done.
   */
  async #unlessChanged(
    id: string,
    known: number | undefined,
    change: (store: IDBObjectStore) => IDBRequest,
    always = false,
  ): Promise<Outcome> {
    if (!(await this.available)) return 'done';
    try {
      return await this.#database.ask('readwrite', async (store) => {
        const found = await settled<unknown>(store.get(id));
        if (!always && isChat(found) && found.at !== known) return 'changed';
        change(store);
        await completed(store.transaction);
        return 'done';
      });
    } catch (error) {
      return isFull(error) ? 'full' : 'failed';
    }
  }

  async #read<T>(ask: (store: IDBObjectStore) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#database.ask('readonly', ask);
    } catch {
      return undefined;
    }
  }
}

/** Checks a record, which an older page or another page of this site may have written. */
function isChat(value: unknown): value is StoredChat {
  const { id, at, model, system, exchanges } = (value ?? {}) as Partial<StoredChat>;
  const isText = (text: unknown) => typeof text === 'string';
  const isCall = ({ id, name, arguments: args, result }: ToolCall) => [id, name, args, result].every(isText);
  const isRound = ({ text, reasoning = '', seconds = 0, calls = [] }: Round) =>
    isText(text) && isText(reasoning) && typeof seconds === 'number' && Array.isArray(calls) && calls.every(isCall);
  const isExchange = ({ question, answer, note, rounds = [] }: Exchange) =>
    [question, answer, note].every(isText) && Array.isArray(rounds) && rounds.every((round) => round && isRound(round));
  return (
    [id, model, system].every(isText) &&
    typeof at === 'number' &&
    Array.isArray(exchanges) &&
    exchanges.every((exchange) => exchange && isExchange(exchange))
  );
}

/** The first words of its first question. */
export function titleOf({ exchanges }: StoredChat): string {
  const words = plainName(exchanges[0]?.question ?? '');
  return words.length <= 60 ? words : `${cutText(words, 59).trimEnd()}…`;
}
