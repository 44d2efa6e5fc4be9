const NAME = 'linnet-chats';
const STORE = 'chats';

/**
 * The database of the conversations (IndexedDB). The browser closes its connection when the site's data are cleared;
 * then it is opened again.
 */
export class ChatDatabase {
  #connection = this.#open();
  /** Whether the browser has a database for this page at all, as some private windows do not. */
  readonly available = this.#connection.then(
    () => true,
    () => false,
  );

  /** @param onLost called when the browser has closed the connection: what was stored may be gone */
  constructor(private readonly onLost: () => void) {}

  /**
   * Runs requests in one transaction.
   *
   * @throws DOMException of the request or the transaction
   */
  async ask<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => Promise<T>): Promise<T> {
    const used = this.#connection;
    try {
      return await inTransaction(await used, mode, ask);
    } catch (error) {
      // A full disk is no fault of the connection. Anything else may be: try once with a new one.
      if (isFull(error)) throw error;
      if (used === this.#connection) this.#connection = this.#open();
      void used.then((base) => base.close()).catch(() => undefined);
      return inTransaction(await this.#connection, mode, ask);
    }
  }

  async #open(): Promise<IDBDatabase> {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'id' });
    const base = await settled(request);
    // Otherwise this connection would block another page that deletes the database.
    base.onversionchange = () => {
      base.close();
      this.onLost();
    };
    base.onclose = () => this.onLost();
    return base;
  }
}

/** Whether an error means that there is no space. */
export function isFull(error: unknown): boolean {
  return (error as Error | undefined)?.name === 'QuotaExceededError';
}

/** Waits for a request. */
export function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('refused'));
  });
}

/** Waits until a transaction's changes are on disk: its requests succeed before. */
export function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
  });
}

function inTransaction<T>(
  base: IDBDatabase,
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  return ask(base.transaction(STORE, mode).objectStore(STORE));
}
