import assert from 'node:assert/strict';
import { test } from 'node:test';
import { usualFor } from '../src/chat/settings.ts';

test('thinking is as the model usually does: by the list at first, and then by its file', () => {
  assert.equal(usualFor('qwen3-0.6b').thinking, true);
  assert.equal(usualFor('gemma-4-e2b-it').thinking, false);
  assert.equal(usualFor('gemma-4-e2b-it', { thinks: true, tools: true }).thinking, true);
  assert.equal(usualFor('https://site.example/model.gguf').thinking, true);
});
