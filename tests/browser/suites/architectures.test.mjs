// Models of other kinds than the default one: the native binary's tokens on both paths.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../engines.mjs';
import { complete, gemmaPath, load, nativeTokens, noGemma, openBlank, referenceFile, startServer } from '../harness.mjs';

const COUNT = 32;

const tiny = (name) => ({
  name: `the tiny ${name}`,
  path: referenceFile('tiny', name, 'model.gguf'),
  prompt: JSON.parse(readFileSync(referenceFile('tiny', name, 'meta.json'), 'utf8')).text,
  skip: false,
});

const cases = [
  { name: 'Gemma 3 270M', path: gemmaPath, prompt: 'The linnet is a small bird that', skip: noGemma },
  ...['gpt-oss', 'qwen3', 'lfm2'].map(tiny),
];

describe('other architectures', () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  for (const { name, path, prompt, skip } of cases) {
    test(name, { skip, timeout: 600_000 }, async (t) => {
      const server = await startServer({ files: { '/model.gguf': path } });
      t.after(() => server.close());
      const expected = nativeTokens(prompt, COUNT, path);
      assert.equal(expected?.length, COUNT, 'the native binary is there and answers');
      for (const backend of ['cpu', 'webgpu']) {
        await t.test(backend, async () => {
          const page = await openBlank(browser, server);
          const info = await load(page, '/model.gguf', { backend, contextLength: 512 });
          assert.equal(info.code, undefined, info.message);
          assert.equal(info.backend, backend);
          const answer = await complete(page, { prompt, max_tokens: COUNT, temperature: 0, ignore_eos: true });
          assert.deepEqual(answer.choices?.[0].tokens, expected, answer.message);
          await page.close();
        });
      }
    });
  }
});
