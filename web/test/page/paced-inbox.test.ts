import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, PacedInbox } from '../../src/page/paced-inbox.ts';
import type { Reply } from '../../src/protocol/messages.ts';

/** A clock that a test advances. */
class FakeClock implements Clock {
  #now = 1000;
  #timers: { at: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, wake: () => void): () => void {
    const timer = { at: this.#now + milliseconds, wake };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Advances the clock by single milliseconds. */
  async pass(milliseconds: number): Promise<void> {
    for (let i = 0; i < milliseconds; i++) {
      await settled();
      this.#now++;
      const due = this.#timers.filter(({ at }) => at <= this.#now);
      this.#timers = this.#timers.filter(({ at }) => at > this.#now);
      for (const { wake } of due) wake();
    }
    await settled();
  }

  get waiting(): number {
    return this.#timers.length;
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const DONE: Reply = { type: 'event', id: 1, event: { type: 'counted', tokens: 0 } };

/** An inbox with a reader that records when each token arrived. */
function reading(): { clock: FakeClock; inbox: PacedInbox; burst: (tokens: number) => void; at: () => number[] } {
  const clock = new FakeClock();
  const inbox = new PacedInbox(clock);
  const start = clock.now();
  const at: number[] = [];
  void (async () => {
    for (;;) {
      await inbox.take();
      at.push(clock.now() - start);
    }
  })();
  const burst = (tokens: number) => {
    for (let left = tokens - 1; left >= 0; left--)
      inbox.put({ type: 'event', id: 1, event: { type: 'token', text: 'a', token: 1, left } });
  };
  return { clock, inbox, burst, at: () => at.splice(0) };
}

test('tokens that arrive together are emitted over the time that they took', async () => {
  const { clock, burst, at } = reading();
  burst(1);
  await clock.pass(100);
  burst(4);
  await clock.pass(200);
  burst(4);
  await clock.pass(400);
  assert.deepEqual(at(), [0, 100, 125, 150, 175, 300, 350, 400, 450]);
});

test('the tokens of a burst are paced even if each comes in its own message', async () => {
  const { clock, inbox, at } = reading();
  const token = (left: number) =>
    inbox.put({ type: 'event', id: 1, event: { type: 'token', text: 'a', token: 1, left } });
  token(0);
  await clock.pass(100);
  for (const left of [3, 2, 1, 0]) {
    token(left);
    await clock.pass(1);
  }
  await clock.pass(100);
  assert.deepEqual(at(), [0, 100, 125, 150, 175]);
});

test('tokens that arrive one by one do not wait', async () => {
  const { clock, burst, at } = reading();
  for (const wait of [5, 1, 300, 40, 1, 1]) {
    burst(1);
    await clock.pass(wait);
  }
  assert.deepEqual(at(), [0, 5, 6, 306, 346, 347]);
  assert.equal(clock.waiting, 0);
});

test('the end of an answer and errors do not wait', async () => {
  for (const end of [DONE, { type: 'error', id: 1, error: { code: 'aborted', message: '', details: {} } } as const]) {
    const { clock, inbox, burst, at } = reading();
    burst(1);
    await clock.pass(200);
    burst(8);
    await clock.pass(30);
    inbox.put(end);
    await settled();
    await settled();
    assert.deepEqual(at(), [0, 200, 225, 230, 230, 230, 230, 230, 230, 230]);
    assert.equal(clock.waiting, 0, 'no timer is left');
  }
});

test('bursts that come earlier than expected never pile up', async () => {
  const { clock, burst, at } = reading();
  burst(1);
  await clock.pass(200);
  burst(5);
  // Twice as fast from now on.
  for (let i = 0; i < 10; i++) {
    await clock.pass(100);
    burst(5);
  }
  const shown = at();
  // When a burst arrives, at most the previous burst and its own rest are waiting.
  assert.ok(shown.length >= 1 + 9 * 5 - 5, String(shown));
  await clock.pass(100);
  assert.equal(shown.length + at().length, 1 + 11 * 5, 'all have been emitted by the time of another burst');
});

test('a pause before a burst, as after a lost GPU, does not stretch it', async () => {
  const { clock, burst, at } = reading();
  burst(1);
  await clock.pass(5000);
  burst(5);
  await clock.pass(300);
  assert.deepEqual(at(), [0, 5000, 5050, 5100, 5150, 5200]);
});

test('a late reader gets the tokens that are due at once', async () => {
  const clock = new FakeClock();
  const inbox = new PacedInbox(clock);
  const token = (left: number): Reply => ({
    type: 'event',
    id: 1,
    event: { type: 'token', text: 'a', token: 1, left },
  });
  inbox.put(token(0));
  await clock.pass(100);
  for (const left of [3, 2, 1, 0]) inbox.put(token(left));
  await clock.pass(80);
  const before = clock.now();
  for (let i = 0; i < 5; i++) await inbox.take();
  assert.equal(clock.now(), before);
});
