import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ChatLock } from '../src/chat/chat-lock.ts';

type Hold = () => Promise<void>;

/** A fake of the browser's locks. */
class Locks {
  readonly held = new Set<string>();
  readonly waiting: { name: string; run: () => void }[] = [];

  request(name: string, { signal }: { signal: AbortSignal }, hold: Hold): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = { name, run: () => void this.#hold(name, hold).then(resolve) };
      signal.addEventListener('abort', () => {
        const at = this.waiting.indexOf(entry);
        if (at < 0) return;
        this.waiting.splice(at, 1);
        reject(signal.reason);
      });
      if (this.held.has(name)) this.waiting.push(entry);
      else entry.run();
    });
  }

  async #hold(name: string, hold: Hold): Promise<void> {
    this.held.add(name);
    await hold();
    this.held.delete(name);
    const at = this.waiting.findIndex((one) => one.name === name);
    if (at >= 0) this.waiting.splice(at, 1)[0]!.run();
  }
}

let locks: Locks;
const provide = (value: unknown) =>
  Object.defineProperty(globalThis, 'navigator', { value: { locks: value }, configurable: true });
beforeEach(() => provide((locks = new Locks())));

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

test('a waiting tab takes over a conversation when the other closes', async () => {
  const first = new ChatLock('a');
  const second = new ChatLock('a');
  await first.decided;
  const began = performance.now();
  await second.decided;
  assert.ok(performance.now() - began < 2000);
  assert.deepEqual([first.held, second.held], [true, false]);
  first.release();
  await second.given;
  assert.deepEqual([first.held, second.held], [false, true]);
  second.release();
  await settle();
  assert.equal(locks.held.size, 0);
});

test('a tab that left the conversation does not take it over', async () => {
  const first = new ChatLock('a');
  const second = new ChatLock('a');
  const third = new ChatLock('a');
  second.release();
  first.release();
  await third.given;
  await settle();
  assert.deepEqual([second.held, third.held, locks.waiting.length], [false, true, 0]);
});

test('without locks every tab may write', async () => {
  for (const value of [undefined, { request: () => Promise.reject(new DOMException('no', 'SecurityError')) }]) {
    provide(value);
    const lock = new ChatLock('a');
    await lock.decided;
    assert.ok(lock.held);
  }
});
