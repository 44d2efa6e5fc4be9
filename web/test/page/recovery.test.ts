import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MarkStore, Recovery, crashKeyOf, steppedDown } from '../../src/page/recovery.ts';

const MODEL = 'https://example.org/a.gguf';
const auto = { backend: 'auto' } as const;

/** A fake `localStorage`. */
class FakeStorage implements MarkStore {
  readonly items = new Map<string, string>();
  full = false;

  get length(): number {
    return this.items.size;
  }

  key(index: number): string | null {
    return [...this.items.keys()][index] ?? null;
  }

  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    if (this.full) throw new DOMException('full', 'QuotaExceededError');
    this.items.set(name, value);
  }

  removeItem(name: string): void {
    this.items.delete(name);
  }
}

function origin() {
  const store = new FakeStorage();
  const living = new Set<string>();
  const clock = { now: 1e12 };
  const visit = () =>
    new Recovery(
      store,
      async (page) => living.has(page),
      () => clock.now,
    );
  /** A page that crashes. */
  const die = async (phase: 'load' | 'first-answer' = 'load', hidden = false) => {
    visit().mark('page', MODEL, phase, hidden);
    await visit().notice();
  };
  return { store, living, clock, visit, die };
}

test('a page without a mark has not crashed', async () => {
  const { visit } = origin();
  const recovery = visit();
  recovery.mark('one', MODEL, 'load', false);
  recovery.unmark('one');
  await visit().notice();
  assert.equal(visit().stepFor(MODEL, auto), undefined);
});

test('each crash tries less, and the last step stays', async () => {
  const { visit, die } = origin();
  for (const [phase, step] of [
    ['load', 'smaller-context'],
    ['first-answer', 'cpu'],
    ['load', 'smaller-model'],
    ['load', 'smaller-model'],
  ] as const) {
    await die(phase);
    const found = visit().stepFor(MODEL, auto);
    assert.deepEqual([found?.step, found?.phase], [step, phase]);
  }
  assert.equal(visit().stepFor(MODEL, auto)?.crashes, 4);
  assert.equal(visit().stepFor('another', auto), undefined);
});

test('a backend that was requested by name is not replaced', async () => {
  const { visit, die } = origin();
  await die();
  assert.equal(visit().stepFor(MODEL, { backend: 'webgpu' })?.step, 'smaller-context');
  await die();
  for (const backend of ['webgpu', 'cpu'] as const)
    assert.equal(visit().stepFor(MODEL, { backend })?.step, 'smaller-model');
});

test('the marks of live pages and of hidden pages are ignored', async () => {
  const { store, living, visit, die } = origin();
  living.add('other');
  visit().mark('other', MODEL, 'load', false);
  await visit().notice();
  assert.equal(visit().stepFor(MODEL, auto), undefined);
  assert.equal(store.length, 1, 'it stays until that page removes it');
  await die('load', true);
  assert.equal(visit().stepFor(MODEL, auto), undefined);
  assert.equal(store.length, 1);
});

test('crashes are forgotten after a week, or on request', async () => {
  const { clock, visit, die } = origin();
  await die();
  await die();
  clock.now += 8 * 24 * 3600 * 1000;
  assert.equal(visit().stepFor(MODEL, auto), undefined);
  await die();
  assert.equal(visit().stepFor(MODEL, auto)?.crashes, 1, 'and the count starts again');
  visit().reset('another');
  assert.equal(visit().stepFor(MODEL, auto)?.crashes, 1);
  visit().reset(MODEL);
  assert.equal(visit().stepFor(MODEL, auto), undefined);
  await die();
  visit().reset();
  assert.equal(visit().stepFor(MODEL, auto), undefined);
});

test('a full store and foreign values do no harm', async () => {
  const { store, visit, die } = origin();
  store.full = true;
  await die();
  assert.equal(visit().stepFor(MODEL, auto), undefined);
  store.full = false;
  store.setItem('linnet-risk broken', '{');
  store.setItem(`linnet-crashes ${MODEL}`, 'null');
  await visit().notice();
  assert.equal(visit().stepFor(MODEL, auto), undefined);
});

test('each step changes the options of the load', () => {
  assert.deepEqual(steppedDown(auto, 'smaller-context'), { contextLength: 2048, backend: 'auto' });
  assert.deepEqual(steppedDown({ backend: 'auto', contextLength: 3000 }, 'cpu'), {
    contextLength: 1500,
    backend: 'cpu',
  });
  assert.deepEqual(steppedDown({ backend: 'webgpu', contextLength: 600 }, 'smaller-context'), {
    contextLength: 512,
    backend: 'webgpu',
  });
});

test('a model has one key, wherever its copy is', () => {
  const remote = (...urls: string[]) => ({ kind: 'remote' as const, urls });
  assert.equal(
    crashKeyOf([remote('https://a.example/m/x.gguf', 'https://home.example/x.gguf')]),
    'https://home.example/x.gguf',
  );
  assert.notEqual(
    crashKeyOf([{ kind: 'local', blob: new File(['a'], 'a.gguf') }]),
    crashKeyOf([{ kind: 'local', blob: new File(['ab'], 'a.gguf') }]),
  );
});
