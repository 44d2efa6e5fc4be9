// Stores the conversations in this browser (IndexedDB). Where it stores nothing, as in some private windows, the list
// is empty.
import type { Round, ToolCall } from 'linnet/chat-history';
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

const STORE = 'chats';

/**
 * The result of a change: `changed` means that another tab has stored the conversation meanwhile, `failed` that there
 * was no space.
 */
export type Outcome = 'done' | 'changed' | 'failed';

/** The list of conversations. Nothing here throws: a chat works whether or not it can be stored. */
export class Chats {
  readonly #base = open();

  /** Whether this browser stores anything. */
  get available(): Promise<boolean> {
    return this.#base.then((base) => base !== undefined);
  }

  /** Newest first. */
  async all(): Promise<StoredChat[]> {
    const chats = await this.#ask('readonly', (store) => settled<unknown[]>(store.getAll()));
    return (chats ?? []).filter(isChat).sort((one, other) => other.at - one.at);
  }

  async get(id: string): Promise<StoredChat | undefined> {
    const found = await this.#ask('readonly', (store) => settled<unknown>(store.get(id)));
    return isChat(found) ? found : undefined;
  }

  /**
   * Stores a conversation, unless another tab has stored it meanwhile.
   *
   * @param known the last change that the caller knows
   * @returns `done` only if it is stored; otherwise nothing was changed
   */
  async put(chat: StoredChat, known: number | undefined): Promise<Outcome> {
    return this.#unlessChanged(chat.id, known, (store) => store.put(chat));
  }

  /** Deletes a conversation, unless another tab has stored it meanwhile; without `known` always. */
  async delete(id: string, known?: number): Promise<Outcome> {
    return this.#unlessChanged(id, known, (store) => store.delete(id), known === undefined);
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
    const outcome = await this.#ask('readwrite', async (store): Promise<Outcome> => {
      const found = await settled<unknown>(store.get(id));
      if (!always && isChat(found) && found.at !== known) return 'changed';
      change(store);
      // A request succeeds before the data are on disk.
      await completed(store.transaction);
      return 'done';
    });
    return outcome ?? 'failed';
  }

  async #ask<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => Promise<T>): Promise<T | undefined> {
    try {
      const base = await this.#base;
      return base && (await ask(base.transaction(STORE, mode).objectStore(STORE)));
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

async function open(): Promise<IDBDatabase | undefined> {
  try {
    const request = indexedDB.open('linnet-chats', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
    return await settled(request);
  } catch {
    return undefined;
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('refused'));
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
  });
}
