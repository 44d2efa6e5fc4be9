// The conversations, kept in this browser (IndexedDB). Where it keeps nothing, as some private windows do, there is just no list.
import { cutText } from 'linnet/markdown';

/** A question and what became of it. */
export interface Exchange {
  question: string;
  /** As the model wrote it, thoughts included. */
  answer: string;
  /** The small line below it. */
  note: string;
}

/** A conversation that is kept. */
export interface StoredChat {
  id: string;
  /** Milliseconds since 1970 of its last change. */
  at: number;
  /** The model that answered last, in words. */
  model: string;
  /** What the model was told before it. */
  system: string;
  exchanges: Exchange[];
}

const STORE = 'chats';

/** The list of conversations. Nothing here throws: a chat goes on whether it can be kept or not. */
export class Chats {
  readonly #base = open();

  /** Newest first. */
  async all(): Promise<StoredChat[]> {
    const chats = await this.#ask<StoredChat[]>('readonly', (store) => store.getAll());
    return (chats ?? []).sort((one, other) => other.at - one.at);
  }

  get(id: string): Promise<StoredChat | undefined> {
    return this.#ask('readonly', (store) => store.get(id));
  }

  async put(chat: StoredChat): Promise<void> {
    await this.#ask('readwrite', (store) => store.put(chat));
  }

  async delete(id: string): Promise<void> {
    await this.#ask('readwrite', (store) => store.delete(id));
  }

  async #ask<T>(mode: IDBTransactionMode, request: (store: IDBObjectStore) => IDBRequest): Promise<T | undefined> {
    try {
      const base = await this.#base;
      return base && ((await settled(request(base.transaction(STORE, mode).objectStore(STORE)))) as T);
    } catch {
      return undefined;
    }
  }
}

/** The first words of its first question. */
export function titleOf({ exchanges }: StoredChat): string {
  const words = (exchanges[0]?.question ?? '').replace(/\s+/g, ' ');
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
