import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Linnet } from '../../src/index.ts';
import type { ModelSource } from '../../src/models/sources.ts';
import { FakeWorker, INFO } from '../fakes/fake-worker.ts';

let workers: FakeWorker[] = [];
/** What the workers report when the model is loaded. */
let info = INFO;

beforeEach(() => {
  workers = [];
  info = INFO;
  class PageWorker extends FakeWorker {
    constructor() {
      super([{ type: 'begun' }, { type: 'loaded', info }]);
      workers.push(this);
    }
    addEventListener(): void {}
  }
  const globals = {
    Worker: PageWorker,
    location: { href: 'https://a.example/' },
    addEventListener: () => {},
    removeEventListener: () => {},
  };
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true });
});

const load = (model: ModelSource) => Linnet.load(model, { storage: 'none', recovery: 'off' });

/** An object whose fields throw once a worker has begun to load the model. */
function flaky<T extends object>(fields: T): T {
  const once = Object.entries(fields).map(([name, value]) => {
    const get = () => {
      if (workers.length > 0) throw new Error('read too late');
      return value;
    };
    return [name, { get, enumerable: true }] as const;
  });
  return Object.defineProperties({}, Object.fromEntries(once)) as T;
}

test('the caller’s model is not read after its load has begun', async () => {
  const file = { url: '/a.gguf' };
  const sources: [ModelSource, string][] = [
    [flaky({ id: 'own', name: 'Own', files: [file], sampling: { temperature: 0.5 } }), 'Own'],
    [flaky({ url: '/a.gguf', key: 'k' }), 'Fake'],
    [[flaky({ url: '/a.gguf', key: 'k' }), '/b.gguf'], 'Fake'],
  ];
  for (const [source, name] of sources) {
    workers = [];
    const linnet = await load(source);
    assert.equal(linnet.info().model.name, name);
    linnet.dispose();
  }
});

test('a model that is changed during its load has the values that it had', async () => {
  const entry = { id: 'own', name: 'Own', files: [{ url: '/a.gguf' }], sampling: { temperature: 0.5 } };
  const loading = load(entry);
  Object.assign(entry, { id: 'x', name: 7, files: [], sampling: 'hot' });
  const linnet = await loading;
  assert.equal(linnet.info().model.name, 'Own');
  const { choices } = await linnet.chat.completions.create({
    messages: [{ role: 'user', content: 'Hi' }],
    model: 'own',
  });
  assert.equal(choices[0]!.message.content, 'ab');
  assert.deepEqual((workers[0]!.requests[0] as { temperature: number }).temperature, 0.5);
  linnet.dispose();
});

test('a load that fails after the worker is done ends the worker', async () => {
  info = { backend: 'cpu' } as typeof INFO;
  await assert.rejects(load('/a.gguf'));
  assert.deepEqual(
    workers.map(({ ended }) => ended),
    [true],
  );
});
