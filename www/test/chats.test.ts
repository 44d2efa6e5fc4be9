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

/** A browser with this conversation. Its transactions end in this way after all requests have succeeded. */
function browser(found: StoredChat | undefined, end: 'oncomplete' | 'onabort'): void {
  const open = () => {
    const transaction: { oncomplete?: () => void; onabort?: () => void; error: null; objectStore?: () => object } = {
      error: null,
    };
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

test('a browser without storage causes no error', async () => {
  Object.defineProperty(globalThis, 'indexedDB', { value: undefined, configurable: true });
  assert.equal(await new Chats().put(chat, undefined), 'done');
});
