import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelList, models } from '../../src/models/models.ts';
import { bytesOf, completeEntry } from '../../src/models/entry.ts';
import type { RemoteFile } from '../../src/protocol/model-files.ts';
import list from '../../src/models/models.json' with { type: 'json' };
import schema from '../../src/models/models.schema.json' with { type: 'json' };
import { SAMPLING_DEFAULTS } from '../../src/protocol/generated.ts';
import { keyOf } from '../../src/store/opfs.ts';
import { type ModelSource, resolveModel } from '../../src/models/sources.ts';
import { violations } from '../fakes/schema.ts';

const HERE = 'https://example.org/demo/index.html';

test('the list matches its schema', () => {
  assert.deepEqual(violations(list, schema), []);
  // The schema rejects wrong data.
  const [first] = structuredClone(list) as any[];
  for (const [spoil, place] of [
    [(model: any) => delete model.license, '$[0]: has no license'],
    [(model: any) => (model.tier = 'tablet'), '$[0].tier: is none of phone, gpu'],
    [(model: any) => (model.files[0].sha256 = 'abc'), '$[0].files[0].sha256: does not match ^[0-9a-f]{64}$'],
    [(model: any) => (model.files[0].bytes = 0.5), '$[0].files[0].bytes: is no integer,null'],
    [(model: any) => (model.files[0].bytes = 0), '$[0].files[0].bytes: is out of range'],
    [(model: any) => (model.colour = 'red'), '$[0]: has an unknown colour'],
    [(model: any) => delete model.sampling, '$[0]: has no sampling'],
    [(model: any) => (model.sampling.temperature = 3), '$[0].sampling.temperature: is out of range'],
    [(model: any) => (model.files = []), '$[0].files: has too few items'],
  ] as const) {
    const model = structuredClone(first);
    spoil(model);
    assert.ok(violations([model], schema).includes(place), place);
  }
});

test('a model recommends only sampling parameters of the engine', () => {
  for (const name of Object.keys(schema.items.properties.sampling.properties))
    assert.ok(name in SAMPLING_DEFAULTS, name);
});

test('every listed model has an address, and its known hashes are used', () => {
  for (const { files, tested, id } of models) {
    for (const { name, url, bytes, approxBytes, sha256, chunks } of files) {
      assert.ok(url.endsWith(`/${name}`), id);
      assert.ok(bytes ?? approxBytes, id);
      if (tested) assert.ok(bytes && sha256 && chunks, id);
      // A file without a known hash must not change, so its address names a revision.
      if (chunks) assert.equal(chunks.sha256.length, Math.ceil(bytes! / chunks.bytes));
    }
  }
  assert.equal(new Set(models.all.map(({ id }) => id)).size, models.all.length);
  for (const tier of ['phone', 'gpu'] as const)
    assert.ok(models.all.some((model) => model.tier === tier && bytesOf(model)));
});

test('a listed model is looked for in the site’s folder first', () => {
  const { files, id } = models.all[0]!;
  const { name, url, bytes, sha256, chunks } = files[0]!;
  assert.deepEqual(resolveModel(id, { models, bases: ['models', new URL('https://cdn.example/m/')], here: HERE }), [
    {
      kind: 'remote',
      urls: [`https://example.org/demo/models/${name}`, `https://cdn.example/m/${name}`, url],
      bytes,
      sha256,
      chunks,
    },
  ]);
});

const HASH = '0'.repeat(64);

test('a site adds its own model, which may be split, and is then known by its id', () => {
  const own = new ModelList();
  const count = own.all.length;
  const added = own.add({
    id: 'own-model',
    files: [
      { url: 'm/a.gguf', bytes: 100_000, sha256: HASH, chunks: { bytes: 65_536, sha256: [HASH, HASH] } },
      { url: 'm/b.gguf?x=1' },
    ],
  });
  assert.deepEqual(
    added.files.map(({ name }) => name),
    ['a.gguf', 'b.gguf'],
  );
  assert.deepEqual(
    [added.name, added.license, added.files[1]!.sha256, bytesOf(added)],
    ['own-model', null, null, undefined],
  );
  assert.equal(own.get('own-model'), added);
  own.add({ id: 'own-model', name: 'Another', files: [{ url: 'c.gguf' }] });
  assert.deepEqual([own.get('own-model')?.name, own.all.length], ['Another', count + 1]);
  assert.deepEqual(
    resolveModel(
      { id: 'one-off', files: [{ url: 'm/a.gguf', bytes: 5 }, { url: 'm/b.gguf' }] },
      { models, bases: ['/copies'], here: HERE },
    ),
    [
      { kind: 'remote', urls: ['https://example.org/copies/a.gguf', 'https://example.org/demo/m/a.gguf'], bytes: 5 },
      { kind: 'remote', urls: ['https://example.org/copies/b.gguf', 'https://example.org/demo/m/b.gguf'] },
    ],
  );
});

test('a wrong entry is rejected with the field', () => {
  const url = 'a.gguf';
  const chunks = { bytes: 65_536, sha256: [HASH] };
  for (const [entry, field] of [
    [{ id: 'No Name', files: [{ url }] }, 'id'],
    [{ id: 'x', files: [] }, 'files'],
    [{ id: 'x' }, 'files'],
    [{ id: 'x', files: [{}] }, 'files[0].url'],
    [{ id: 'x', files: [{ url }, { url, bytes: -1 }] }, 'files[1].bytes'],
    [{ id: 'x', files: [{ url, sha256: HASH.toUpperCase().replace('0', 'A') }] }, 'files[0].sha256'],
    [{ id: 'x', files: [{ url, chunks }] }, 'files[0].chunks'],
    [{ id: 'x', files: [{ url, bytes: 100_000, sha256: HASH, chunks }] }, 'files[0].chunks.sha256'],
    [
      { id: 'x', files: [{ url, bytes: 100_000, sha256: HASH, chunks: { ...chunks, bytes: 1 } }] },
      'files[0].chunks.bytes',
    ],
    [{ id: 'x', files: [7] }, 'files[0]'],
    [{ id: 'x', files: [{ url, name: 7 }] }, 'files[0].name'],
    [{ id: 'x', files: [{ url, approxBytes: '1 GB' }] }, 'files[0].approxBytes'],
    [{ id: 'x', files: [{ url }], name: { en: 'X' } }, 'name'],
    [{ id: 'x', files: [{ url }], name: ' ' }, 'name'],
    [{ id: 'x', files: [{ url }], tier: 'desktop' }, 'tier'],
    [{ id: 'x', files: [{ url }], license: ['MIT'] }, 'license'],
    [{ id: 'x', files: [{ url }], parameters: '1B' }, 'parameters'],
    [{ id: 'x', files: [{ url }], context: 0 }, 'context'],
    [{ id: 'x', files: [{ url }], tested: 'yes' }, 'tested'],
    [{ id: 'x', files: [{ url }], languages: 'en' }, 'languages'],
    [{ id: 'x', files: [{ url }], languages: ['en', 'Māori'] }, 'languages[1]'],
    [{ id: 'x', files: [{ url }], memory: 5 }, 'memory'],
    [{ id: 'x', files: [{ url }], memory: { kvPerToken: -1 } }, 'memory.kvPerToken'],
    [{ id: 'x', files: [{ url }], template: { reasoning: true } }, 'template.reasoning'],
    [{ id: 'x', files: [{ url }], template: [] }, 'template'],
    [{ id: 'x', files: [{ url }], sampling: 'hot' }, 'sampling'],
    [{ id: 'x', files: [{ url }], sampling: { temperature: 'hot' } }, 'sampling.temperature'],
    [{ id: 'x', files: [{ url }], sampling: { temperature: 1, topP: 1 } }, 'sampling.topP'],
  ] as const) {
    assert.throws(
      () => new ModelList().add(entry as any),
      (error: any) => error.code === 'invalid-request' && error.details.field === field,
      field,
    );
  }
});

test('what an entry does not say is unknown', () => {
  const files = [{ url: 'a.gguf', name: null, bytes: null, approxBytes: null }];
  const fields = { name: null, license: null, memory: null, languages: null, template: { system: false }, tier: null };
  const unknown = completeEntry({ id: 'x', files, ...fields, sampling: { temperature: 1, top_k: null } } as any);
  assert.deepEqual(unknown, {
    id: 'x',
    name: 'x',
    tier: 'phone',
    files: [{ name: 'a.gguf', url: 'a.gguf', bytes: null, sha256: null }],
    license: null,
    parameters: null,
    context: null,
    memory: { kvPerToken: null },
    languages: [],
    template: { system: false, reasoning: 'none', thinks: false, tools: false },
    sampling: { temperature: 1 },
    tested: false,
  });
  for (const listed of models) assert.deepEqual(completeEntry(listed), listed);
});

test('an address is relative to the page', () => {
  for (const [source, url] of [
    ['a.gguf', 'https://example.org/demo/a.gguf'],
    ['/a.gguf', 'https://example.org/a.gguf'],
    ['https://other.example/a', 'https://other.example/a'],
  ]) {
    assert.deepEqual(resolveModel(source!, { models, bases: [], here: HERE }), [{ kind: 'remote', urls: [url] }]);
  }
  assert.deepEqual(resolveModel(new URL('https://other.example/a'), { models, bases: ['x/'], here: HERE }), [
    { kind: 'remote', urls: ['https://other.example/a'] },
  ]);
});

test('a file is loaded as it is', () => {
  const blob = new Blob(['x']);
  assert.deepEqual(resolveModel(blob, { models, bases: [], here: HERE }), [{ kind: 'local', blob }]);
});

test('an unknown id is rejected with the known ids', () => {
  assert.throws(
    () => resolveModel('smollm', { models, bases: [], here: HERE }),
    (error: any) => error.code === 'invalid-request' && error.details.known.includes('smollm2-135m-instruct'),
  );
});

const urlsOf = (source: ModelSource) =>
  resolveModel(source, { models, bases: [], here: HERE }).map((file) =>
    file.kind === 'remote' ? file.urls : file.blob,
  );

test('the address of one part loads all parts', () => {
  const parts = [1, 2, 3].map((no) => [`https://other.example/m/a-0000${no}-of-00003.gguf?download=true`]);
  for (const [part] of parts) assert.deepEqual(urlsOf(part!), parts);
  assert.deepEqual(urlsOf(new URL(parts[1]![0]!)), parts);
  assert.equal(urlsOf('a-00007-of-00012.gguf').length, 12);
  for (const alone of [
    'a-00001-of-00001.gguf',
    'a-00004-of-00003.gguf',
    'a-00000-of-00003.gguf',
    'a-1-of-3.gguf',
    'a.gguf?x=-00001-of-00003.gguf',
  ]) {
    assert.deepEqual(urlsOf(alone), [[`https://example.org/demo/${alone}`]]);
  }
});

test('a list loads its files in order', () => {
  const blob = new Blob(['x']);
  const files = [blob, 'https://other.example/b-00001-of-00002.gguf', new URL('https://other.example/c')];
  assert.deepEqual(urlsOf(files), [blob, ['https://other.example/b-00001-of-00002.gguf'], ['https://other.example/c']]);
  assert.throws(
    () => resolveModel([], { models, bases: [], here: HERE }),
    (error: any) => error.code === 'invalid-request',
  );
});

test('an address that changes is stored under its key, in an entry, alone and in a list', async () => {
  const [one, two] = ['x', 'y'].map((sig) => ({
    url: `https://bucket.example/a.gguf?X-Amz-Signature=${sig}`,
    key: 'a 1',
  }));
  const called = (url: string) => ({ kind: 'remote' as const, urls: [url], called: 'a 1' });
  for (const file of [one!, two!]) {
    const expected = [called(file.url)];
    for (const source of [file, { ...file, url: new URL(file.url) }, [file], { id: 'ours', files: [file] }]) {
      assert.deepEqual(resolveModel(source, { models, bases: [], here: HERE }), expected);
    }
  }
  const keys = [one!, two!].map((file) =>
    keyOf(resolveModel(file, { models, bases: [], here: HERE })[0] as RemoteFile),
  );
  const [first, second] = await Promise.all(keys);
  assert.deepEqual(first, second);
  // It cannot replace a file that is known by its hash.
  assert.notEqual(await keyOf({ kind: 'remote', urls: [], called: HASH }), HASH);
  for (const key of ['', 5, null]) {
    const refused = (field: string) => (error: any) =>
      error.code === 'invalid-request' && error.details.field === field;
    assert.throws(() => resolveModel({ url: 'a.gguf', key } as any, { models, bases: [], here: HERE }), refused('key'));
    assert.throws(
      () => new ModelList().add({ id: 'x', files: [{ url: 'a.gguf', key } as any] }),
      refused('files[0].key'),
    );
  }
  assert.throws(
    () => resolveModel({ url: 'https://', key: 'a' }, { models, bases: [], here: HERE }),
    (error: any) => error.details.field === 'url',
  );
});
