import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chats, type StoredChat } from '../src/chat/chats.ts';

const chat: StoredChat = {
  id: 'a',
  at: 1,
  model: 'Parrot',
  system: '',
  exchanges: [{ question: 'Hi', answer: 'Yes.', note: '' }],
};

/** A request that succeeds. */
function request(result: unknown): IDBRequest {
  const made = { result } as { result: unknown; onsuccess?: () => void };
  queueMicrotask(() => made.onsuccess?.());
  return made as unknown as IDBRequest;
}

type Failure = Pick<DOMException, 'name'> | null;
type Transaction = { oncomplete?: () => void; onabort?: () => void; error: Failure; objectStore?: () => object };

/** A browser with this conversation. Its transactions end in this way after all requests have succeeded. */
function browser(found: StoredChat | undefined, end: 'oncomplete' | 'onabort', error: Failure = null): void {
  const open = () => {
    const transaction: Transaction = { error };
    const change = () => {
      setTimeout(() => transaction[end]?.());
      return request(undefined);
    };
    transaction.objectStore = () => ({ transaction, get: () => request(found), put: change, delete: change });
    return transaction;
  };
  Object.defineProperty(globalThis, 'indexedDB', {
    value: { open: () => request({ transaction: open }) },
    configurable: true,
  });
}

/** A browser that stores conversations, until its data are cleared. */
function database(stored: Map<string, StoredChat>): { clear: () => void } {
  let closed = false;
  const transaction = () => {
    if (closed) throw new DOMException('closed', 'InvalidStateError');
    const made: Transaction = { error: null };
    const changed = (change: () => void) => {
      change();
      setTimeout(() => made.oncomplete?.());
      return request(undefined);
    };
    const store = {
      transaction: made,
      get: (id: string) => request(stored.get(id)),
      getAll: () => request([...stored.values()]),
      put: (chat: StoredChat) => changed(() => stored.set(chat.id, chat)),
      delete: (id: string) => changed(() => stored.delete(id)),
    };
    return { objectStore: () => store };
  };
  const base: { transaction: () => object; close: () => void; onclose?: () => void } = { transaction, close: () => {} };
  const clear = () => {
    closed = true;
    base.onclose?.();
  };
  Object.defineProperty(globalThis, 'indexedDB', { value: { open: () => request(base) }, configurable: true });
  return { clear };
}

test('a chat counts as stored only when the browser has written it', async () => {
  browser(undefined, 'oncomplete');
  assert.equal(await new Chats().put(chat, undefined), 'done');
  browser(undefined, 'onabort');
  assert.equal(await new Chats().put(chat, undefined), 'failed');
  assert.equal(await new Chats().delete('a'), 'failed');
});

test('a chat that another tab has changed is not overwritten', async () => {
  browser(chat, 'oncomplete');
  assert.equal(await new Chats().put({ ...chat, at: 2 }, 0), 'changed');
  assert.equal(await new Chats().put({ ...chat, at: 2 }, 1), 'done');
});

test('a full disk is told apart from other failures', async () => {
  browser(undefined, 'onabort', { name: 'QuotaExceededError' });
  assert.equal(await new Chats().put(chat, undefined), 'full');
});

test('a chat that is not stored is listed, and stored once that is possible', async () => {
  const other = { ...chat, id: 'b', at: 2 };
  browser(undefined, 'onabort');
  const chats = new Chats();
  await chats.put(chat, undefined);
  assert.deepEqual([await chats.get('a'), chats.isUnsaved('a'), await chats.isStored('a')], [chat, true, false]);
  assert.deepEqual(await chats.all(), [chat]);
  database(new Map());
  await chats.put(other, undefined);
  assert.deepEqual([chats.isUnsaved('a'), await chats.isStored('a'), await chats.isStored('b')], [false, true, true]);
  await chats.delete('a');
  assert.deepEqual(await chats.all(), [other]);
});

test('after the site’s data were cleared, chats are stored in a new database', async () => {
  const first = database(new Map());
  let lost = 0;
  const chats = new Chats(() => lost++);
  assert.equal(await chats.put(chat, undefined), 'done');
  const second = new Map<string, StoredChat>();
  database(second);
  first.clear();
  assert.equal(lost, 1);
  assert.equal(await chats.isStored('a'), false);
  assert.equal(await chats.put({ ...chat, at: 2 }, 1), 'done');
  assert.equal(second.get('a')?.at, 2);
});

test('a browser without storage causes no error', async () => {
  Object.defineProperty(globalThis, 'indexedDB', { value: undefined, configurable: true });
  assert.equal(await new Chats().put(chat, undefined), 'done');
});
