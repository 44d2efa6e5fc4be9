import assert from 'node:assert/strict';
import { test } from 'node:test';
import { models, resolveModel } from '../src/models.ts';

const HERE = 'https://example.org/demo/index.html';

test('every listed model can be fetched and checked', () => {
  for (const model of models) {
    assert.match(model.url, /^https:\/\/.*\.gguf$/);
    assert.match(model.sha256, /^[0-9a-f]{64}$/);
    assert.ok(model.url.endsWith(model.file) && model.bytes > 0 && model.license);
  }
  assert.equal(new Set(models.map(({ id }) => id)).size, models.length);
});

test('a listed id is looked for in the site’s folders first', () => {
  const { file, url, bytes, sha256, id } = models[0]!;
  assert.deepEqual(resolveModel(id, ['models', new URL('https://cdn.example/m/')], HERE), {
    kind: 'remote',
    urls: [`https://example.org/demo/models/${file}`, `https://cdn.example/m/${file}`, url],
    bytes,
    sha256,
  });
});

test('an address is taken from the page on', () => {
  for (const [source, url] of [
    ['a.gguf', 'https://example.org/demo/a.gguf'],
    ['/a.gguf', 'https://example.org/a.gguf'],
    ['https://other.example/a', 'https://other.example/a'],
  ]) {
    assert.deepEqual(resolveModel(source!, [], HERE), { kind: 'remote', urls: [url] });
  }
  assert.deepEqual(resolveModel(new URL('https://other.example/a'), ['x/'], HERE), { kind: 'remote', urls: ['https://other.example/a'] });
});

test('a file is itself', () => {
  const blob = new Blob(['x']);
  assert.deepEqual(resolveModel(blob, [], HERE), { kind: 'local', blob });
});

test('an unknown id is refused, with the ids that there are', () => {
  assert.throws(
    () => resolveModel('smollm', [], HERE),
    (error: any) => error.code === 'invalid-request' && error.details.known.includes('smollm2-135m-instruct'),
  );
});
