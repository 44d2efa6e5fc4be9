import assert from 'node:assert/strict';
import { test } from 'node:test';
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
