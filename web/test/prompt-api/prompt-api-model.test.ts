import assert from 'node:assert/strict';
import { test } from 'node:test';
import { models } from '../../src/index.ts';
import { languageModel } from '../../src/prompt-api.ts';

test('what cannot be a model is refused when the class is made', () => {
  for (const [model, field] of [
    [null, 'model'],
    [5, 'model'],
    [Promise.resolve('a.gguf'), 'model'],
    [{ id: 'own', files: [] }, 'files'],
    [{ id: 'own', files: [{ url: 'https://a.example/a.gguf' }], languages: 'en' }, 'languages'],
  ] as const) {
    assert.throws(
      () => languageModel(model as any),
      (error: any) => error.code === 'invalid-request' && error.details.field === field,
    );
  }
  languageModel('added-later');
  languageModel(new ArrayBuffer(8) as any);
});

test('a site’s own model is available once it is stored', async (t) => {
  const asked: unknown[] = [];
  let stored = false;
  t.mock.method(models, 'isStored', async (model: unknown) => {
    asked.push(model);
    return stored;
  });
  const own = languageModel({ id: 'own', files: [{ url: 'https://a.example/a.gguf' }] });
  assert.equal(await own.availability(), 'downloadable');
  stored = true;
  assert.equal(await own.availability(), 'available');
  assert.equal((asked[0] as { id: string }).id, 'own');
});
