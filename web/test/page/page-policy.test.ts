import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScreenWakeLock } from '../../src/page/wake-lock.ts';
import { type Battery, watchBattery } from '../../src/page/battery.ts';
import { LinnetError } from '../../src/protocol/errors.ts';
import { attend, DEFAULT_POLICY, readPolicy } from '../../src/page/page-policy.ts';
import type { Steering } from '../../src/protocol/messages.ts';

/** A page that can be hidden. */
class Page extends EventTarget {
  visibilityState: DocumentVisibilityState = 'visible';

  become(state: DocumentVisibilityState): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

/**
 * A browser with wake locks that counts requests. It releases locks when their page is hidden.
 */
class Screen {
  asked = 0;
  held = new Set<object>();
  refuse = false;
  readonly wakeLock = {
    request: async () => {
      this.asked++;
      if (this.refuse) throw new DOMException('no', 'NotAllowedError');
      const lock = { released: false, release: async () => this.drop(lock) };
      this.held.add(lock);
      return lock;
    },
  } as unknown as WakeLock;

  drop(lock: { released: boolean }): void {
    lock.released = true;
    this.held.delete(lock);
  }
}

class FakeBattery extends EventTarget implements Battery {
  charging = false;
  level = 1;

  become(charging: boolean, level: number): void {
    Object.assign(this, { charging, level });
    this.dispatchEvent(new Event('levelchange'));
  }
}

const soon = (milliseconds = 5) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const asDocument = (page: Page) => page as unknown as Document;
const NAMES = { whenHidden: 'when_hidden', keepAwake: 'keep_awake', pace: 'pace' };

test('policies are read by name, and wrong ones are rejected with the field', () => {
  assert.deepEqual(readPolicy({ pace: 'gentle', keep_awake: true, when_hidden: null, other: 1 }, NAMES), {
    pace: 'gentle',
    keepAwake: true,
  });
  for (const [field, value] of Object.entries({ pace: 'slow', keep_awake: 1, when_hidden: 'stop' })) {
    const refused = (error: unknown) =>
      error instanceof LinnetError && error.code === 'invalid-request' && error.details['field'] === field;
    assert.throws(() => readPolicy({ [field]: value }, NAMES), refused);
  }
});

test('the screen stays on for a long answer, also after the page was hidden, and no longer', async () => {
  const [page, screen] = [new Page(), new Screen()];
  const lock = new ScreenWakeLock(asDocument(page), screen, 1);
  assert.equal(screen.asked, 0);
  await soon();
  assert.equal(screen.held.size, 1);
  page.become('hidden');
  for (const lock of screen.held) screen.drop(lock as { released: boolean });
  await soon();
  assert.equal(screen.asked, 1, 'a hidden page gets no lock');
  page.become('visible');
  page.become('visible');
  await soon();
  assert.deepEqual([screen.asked, screen.held.size], [2, 1]);
  lock.end();
  page.become('visible');
  await soon();
  assert.deepEqual([screen.asked, screen.held.size], [2, 0]);
});

test('a short answer takes no wake lock, and a late lock is released', async () => {
  const [page, screen] = [new Page(), new Screen()];
  new ScreenWakeLock(asDocument(page), screen, 1).end();
  await soon();
  assert.equal(screen.asked, 0);
  const lock = new ScreenWakeLock(asDocument(page), screen, 0);
  while (screen.asked === 0) await soon(1);
  lock.end();
  await soon();
  assert.equal(screen.held.size, 0);
});

test('a refused or missing wake lock is not an error', async () => {
  const [page, screen] = [new Page(), new Screen()];
  screen.refuse = true;
  const locks = [
    new ScreenWakeLock(asDocument(page), screen, 0),
    new ScreenWakeLock(asDocument(page), {} as Navigator, 0),
  ];
  await soon();
  page.become('visible');
  await soon();
  assert.equal(screen.asked, 2);
  for (const lock of locks) lock.end();
});

test('a battery is reported when it becomes low and when it no longer is', async () => {
  const battery = new FakeBattery();
  const said: boolean[] = [];
  const end = watchBattery({ getBattery: async () => battery }, (low) => said.push(low));
  await soon();
  battery.become(false, 0.5);
  battery.become(false, 0.19);
  battery.become(false, 0.18);
  battery.become(true, 0.18);
  battery.become(false, 0.1);
  end();
  battery.become(true, 0.1);
  assert.deepEqual(said, [true, false, true]);
  for (const browser of [{}, { getBattery: async () => Promise.reject(new Error('no')) }])
    watchBattery(browser, () => assert.fail())();
});

test('a battery that is low from the start is reported; after the end none is watched', async () => {
  const battery = new FakeBattery();
  battery.level = 0.1;
  const said: boolean[] = [];
  watchBattery({ getBattery: async () => battery }, (low) => said.push(low));
  watchBattery({ getBattery: async () => battery }, () => assert.fail())();
  await soon();
  assert.deepEqual(said, [true]);
});

test('an answer waits while its page is hidden, if the policy says so', () => {
  const page = new Page();
  Object.defineProperty(globalThis, 'document', { value: page, configurable: true });
  try {
    const said: Steering[] = [];
    const end = attend({ ...DEFAULT_POLICY, whenHidden: 'pause' }, (steering) => said.push(steering));
    page.become('hidden');
    page.become('visible');
    end();
    page.become('hidden');
    assert.deepEqual(
      said.splice(0).map(({ hold }) => hold),
      [true, false],
    );
    attend({ ...DEFAULT_POLICY, whenHidden: 'pause', pace: 'gentle' }, (steering) => said.push(steering))();
    assert.deepEqual(said.splice(0), [{ hold: true, pace: 'gentle' }], 'the page was hidden from the start');
    attend(DEFAULT_POLICY, () => assert.fail());
    page.become('visible');
  } finally {
    Reflect.deleteProperty(globalThis, 'document');
  }
});

test('without a page there is no policy', () => {
  attend({ whenHidden: 'pause', keepAwake: true, pace: 'auto' }, () => assert.fail())();
});
