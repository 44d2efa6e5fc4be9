import assert from 'node:assert/strict';
import { test } from 'node:test';
import { models, resolveModel, type ModelSource } from '../src/models.ts';

const HERE = 'https://example.org/demo/index.html';

test('every listed model can be fetched and checked', () => {
  for (const model of models) {
    assert.match(model.url, /^https:\/\/.*\.gguf$/);
    assert.match(model.sha256, /^[0-9a-f]{64}$/);
    if (model.chunks) {
      assert.equal(model.chunks.sha256.length, Math.ceil(model.bytes / model.chunks.bytes));
      for (const hash of model.chunks.sha256) assert.match(hash, /^[0-9a-f]{64}$/);
    }
    assert.ok(model.url.endsWith(model.file) && model.bytes > 0 && model.license);
  }
  assert.equal(new Set(models.map(({ id }) => id)).size, models.length);
});

test('a listed id is looked for in the site’s folders first', () => {
  const { file, url, bytes, sha256, chunks, id } = models[0]!;
  assert.deepEqual(resolveModel(id, ['models', new URL('https://cdn.example/m/')], HERE), [
    {
      kind: 'remote',
      urls: [`https://example.org/demo/models/${file}`, `https://cdn.example/m/${file}`, url],
      bytes,
      sha256,
      chunks,
    },
  ]);
});

test('an address is taken from the page on', () => {
  for (const [source, url] of [
    ['a.gguf', 'https://example.org/demo/a.gguf'],
    ['/a.gguf', 'https://example.org/a.gguf'],
    ['https://other.example/a', 'https://other.example/a'],
  ]) {
    assert.deepEqual(resolveModel(source!, [], HERE), [{ kind: 'remote', urls: [url] }]);
  }
  assert.deepEqual(resolveModel(new URL('https://other.example/a'), ['x/'], HERE), [{ kind: 'remote', urls: ['https://other.example/a'] }]);
});

test('a file is itself', () => {
  const blob = new Blob(['x']);
  assert.deepEqual(resolveModel(blob, [], HERE), [{ kind: 'local', blob }]);
});

test('an unknown id is refused, with the ids that there are', () => {
  assert.throws(
    () => resolveModel('smollm', [], HERE),
    (error: any) => error.code === 'invalid-request' && error.details.known.includes('smollm2-135m-instruct'),
  );
});

const urlsOf = (source: ModelSource) => resolveModel(source, [], HERE).map((file) => (file.kind === 'remote' ? file.urls : file.blob));

test('the address of one part stands for all parts', () => {
  const parts = [1, 2, 3].map((no) => [`https://other.example/m/a-0000${no}-of-00003.gguf?download=true`]);
  for (const [part] of parts) assert.deepEqual(urlsOf(part!), parts);
  assert.deepEqual(urlsOf(new URL(parts[1]![0]!)), parts);
  assert.equal(urlsOf('a-00007-of-00012.gguf').length, 12);
  for (const alone of ['a-00001-of-00001.gguf', 'a-00004-of-00003.gguf', 'a-00000-of-00003.gguf', 'a-1-of-3.gguf', 'a.gguf?x=-00001-of-00003.gguf']) {
    assert.deepEqual(urlsOf(alone), [[`https://example.org/demo/${alone}`]]);
  }
});

test('a list is its files, in order', () => {
  const blob = new Blob(['x']);
  const files = [blob, 'https://other.example/b-00001-of-00002.gguf', new URL('https://other.example/c')];
  assert.deepEqual(urlsOf(files), [blob, ['https://other.example/b-00001-of-00002.gguf'], ['https://other.example/c']]);
  assert.throws(() => resolveModel([], [], HERE), (error: any) => error.code === 'invalid-request');
});
