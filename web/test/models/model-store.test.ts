import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelCache } from '../../src/store/cache.ts';
import { Journal, lines } from '../../src/store/journal.ts';
import { listStored, removeStored, reportStorage } from '../../src/models/model-store.ts';
import { completeEntry } from '../../src/models/entry.ts';
import { models } from '../../src/models/models.ts';
import { sha256 as hashOf, Sha256 } from '../fakes/fake-store.ts';

/** A browser whose model folder has these files. A file that is an error cannot be read. */
function store(files: Record<string, string | DOMException>): void {
  const folder = {
    keys: async function* () {
      yield* Object.keys(files);
    },
    getFileHandle: async (name: string) => {
      const text = files[name];
      if (text === undefined) throw new DOMException('none', 'NotFoundError');
      if (typeof text !== 'string') throw text;
      return { getFile: async () => new Blob([text]) };
    },
    removeEntry: async (name: string) => {
      if (!(name in files)) throw new DOMException('none', 'NotFoundError');
      delete files[name];
    },
  };
  const storage = { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) };
  Object.defineProperty(globalThis, 'navigator', { value: { storage }, configurable: true });
  Object.defineProperty(globalThis, 'location', { value: new URL('https://site.example/'), configurable: true });
}

test('a stored model has a name, whatever its address looks like', async () => {
  const addresses = {
    'https://host/a%20model.gguf': 'a model.gguf',
    'https://host/100%.gguf?download=true': '100%.gguf',
    'https://host/%E0%A4%A.gguf': '%E0%A4%A.gguf',
    'https://host/': 'https://host/',
    'no address': 'no address',
  };
  const heads = Object.keys(addresses).map((url, at) => [
    `${at}.journal`,
    new Journal({ url, chunkBytes: 4 << 20 }).head(),
  ]);
  store(Object.fromEntries(heads));
  const found = Object.fromEntries((await listStored([])).map(({ source, name }) => [source, name]));
  assert.deepEqual(found, addresses);
});

test('an entry is removed only if its journal is invalid, not if it cannot be read', async () => {
  const head = new Journal({ url: 'https://host/a.gguf', chunkBytes: 4 << 20 }).head();
  const journals = {
    good: head,
    locked: new DOMException('locked', 'NoModificationAllowedError'),
    unreadable: new DOMException('a bad disk', 'NotReadableError'),
    later: head.replace('"version":3', '"version":4'),
    earlier: head.replace('"version":3', '"version":2'),
    damaged: '###\n',
    empty: '',
  };
  const files = Object.fromEntries(
    Object.entries(journals).flatMap(([key, text]) => [
      [`${key}.journal`, text],
      [`${key}.gguf`, 'data'],
    ]),
  );
  const left = { ...files, 'alone.gguf': 'data' };
  store(left);
  assert.deepEqual(
    (await listStored([])).map(({ key }) => key),
    ['good'],
  );
  const keys = new Set(Object.keys(left).map((name) => name.split('.')[0]));
  assert.deepEqual([...keys].sort(), ['good', 'later', 'locked', 'unreadable']);
});

test('a model can be removed if the browser has no locks', async () => {
  const files = { 'k.journal': 'x', 'k.gguf': 'x' };
  store(files);
  const locks = { request: () => Promise.reject(new DOMException('gone', 'InvalidStateError')) };
  Object.assign(navigator, { locks });
  assert.equal(await removeStored([{ kind: 'remote', urls: [], key: 'k' }]), true);
  assert.deepEqual(files, {});
});

test('an entry that another tab is writing stays', async () => {
  const files = { 'k.journal': '###\n', 'k.gguf': 'x' };
  store(files);
  Object.assign(navigator, {
    locks: { request: async (_name: string, _options: object, held: (lock: null) => unknown) => held(null) },
  });
  assert.deepEqual(await listStored([]), []);
  await assert.rejects(
    removeStored([{ kind: 'remote', urls: [], key: 'k' }]),
    (error: any) => error.code === 'no-storage',
  );
  const cache = await ModelCache.open(Sha256);
  await cache!.forget('k');
  assert.deepEqual(Object.keys(files), ['k.journal', 'k.gguf']);
});

test('an entry whose data is too short or unreadable is not complete', async () => {
  const journal = new Journal({ url: 'https://host/a.gguf', chunkBytes: 100, total: 150 });
  const text =
    journal.head() +
    lines.saved(0, { bytes: 100, checksum: 'a' }) +
    lines.saved(1, { bytes: 50, checksum: 'b' }) +
    lines.done();
  for (const [length, whole] of [
    [150, true],
    [149, false],
    [0, false],
  ] as const) {
    store({ 'a.journal': text, 'a.gguf': 'x'.repeat(length) });
    const [entry] = await listStored([]);
    assert.deepEqual([entry?.whole, entry?.storedBytes], [whole, length]);
  }
  // A load could not read it, and would download it again without consent.
  store({ 'a.journal': text, 'a.gguf': new DOMException('a bad disk', 'NotReadableError') });
  const [unreadable] = await listStored([]);
  assert.deepEqual([unreadable?.whole, unreadable?.storedBytes], [false, 150]);
  // The page was closed while the entry was removed.
  store({ 'a.journal': text });
  const [entry] = await listStored([]);
  assert.deepEqual([entry?.whole, entry?.storedBytes], [false, 0]);
});

test('a file with a key is listed by its key, and its signed address is not stored', async () => {
  const model = completeEntry({ id: 'ours', files: [{ url: 'https://host/a.gguf?sig=today', key: 'ours 1' }] });
  store({
    'k.journal': new Journal({ url: 'https://host/a.gguf', key: 'ours 1', chunkBytes: 100, total: 1 }).head(),
    'k.gguf': '',
  });
  const [[listed], [alone]] = [await listStored([model]), await listStored([])];
  assert.deepEqual([listed?.source, alone?.source, alone?.name], ['ours', 'stored:k', 'a.gguf']);
});

test('storage figures that are the same for every device are not reported', async () => {
  store({});
  const estimates = [
    [{ quota: 10 * 2 ** 30 + 172, usage: 172 }, {}],
    [{ quota: 3 * 2 ** 30, usage: 0 }, {}],
    [
      { quota: 1e10, usage: 1e9 },
      { quota: 1e10, free: 9e9 },
    ],
    [
      { quota: 1e9, usage: 1e9 },
      { quota: 1e9, free: 0 },
    ],
    [{}, {}],
  ];
  for (const [estimate, expected] of estimates) {
    Object.assign(navigator.storage, { estimate: async () => estimate, persisted: async () => false });
    assert.deepEqual(await reportStorage([]), { models: 0, ...expected, persisted: false });
  }
});

test('a model needs no download only if every file of it is stored', async () => {
  const nameOf = (url: string) => hashOf(new TextEncoder().encode(url));
  const entry = (url: string, key: string, description: { sha256?: string } = {}) => ({
    [`${key}.journal`]: new Journal({ url, chunkBytes: 100, total: 0, ...description }).head() + lines.done(),
    [`${key}.gguf`]: '',
  });
  const parts = [1, 2].map((part) => `https://host/a-0000${part}-of-00002.gguf`);
  const [one, two] = parts.map((url) => entry(url, nameOf(url)));
  const [first, second] = parts as [string, string];
  store({ ...one });
  for (const model of [first, second, new URL(first)]) assert.equal(await models.isStored(model), false, String(model));
  store({ ...one, ...two });
  for (const model of [first, second, new URL(first)]) assert.equal(await models.isStored(model), true, String(model));

  const listed = models.all.find(({ files }) => files.length === 1)!;
  const { url, sha256 } = listed.files[0]!;
  const hash = sha256!;
  store(entry(url, nameOf(url)));
  assert.deepEqual([await models.isStored(url), await models.isStored(listed.id)], [true, false]);
  store(entry(url, hash, { sha256: hash }));
  assert.deepEqual([await models.isStored(url), await models.isStored(listed.id)], [false, true]);
  const own = { id: 'own', files: [{ url: first }] };
  const signed = { url: 'https://host/a.gguf?sig=1', key: 'ours' };
  const ours = { ...own, files: [{ ...signed, url: 'https://host/a.gguf?sig=2' }] };
  for (const model of [own, signed, ours, [first, second]]) assert.equal(await models.isStored(model), false);
  store({ ...one, ...two, ...entry('https://host/a.gguf', nameOf('ours')) });
  for (const model of [own, signed, ours, [first, second]]) assert.equal(await models.isStored(model), true);
  assert.equal(await models.isStored(new Blob([])), true);
  for (const none of ['no-model', 'http://:1/a.gguf']) assert.equal(await models.isStored(none), false, none);
});
