// Models of other architectures: the native binary's tokens on both backends.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import {
  complete,
  gemmaPath,
  load,
  nativeTokens,
  noGemma,
  openBlank,
  referenceFile,
  startServer,
} from '../../support/harness.mjs';

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
      assert.equal(expected?.length, COUNT, 'the native binary works');
      /** The log probabilities of the first tokens, on each backend. */
      const likely = [];
      for (const backend of ['cpu', 'webgpu']) {
        await t.test(backend, async () => {
          const page = await openBlank(browser, server);
          const info = await load(page, '/model.gguf', { backend, contextLength: 512 });
          assert.equal(info.code, undefined, info.message);
          assert.equal(info.backend, backend);
          const answer = await complete(page, { prompt, max_tokens: COUNT, temperature: 0, ignore_eos: true });
          assert.deepEqual(answer.choices?.[0].tokens, expected, answer.message);
          // With logprobs the GPU returns its logits and does not sample.
          const { tokens, logprobs } = (
            await complete(page, { prompt, max_tokens: 4, temperature: 0, ignore_eos: true, logprobs: 2 })
          ).choices[0];
          assert.deepEqual(tokens, expected.slice(0, 4));
          likely.push(logprobs.token_logprobs);
          const forced = await complete(page, {
            prompt,
            max_tokens: 2,
            temperature: 0,
            ignore_eos: true,
            logit_bias: { 7: 100 },
          });
          assert.deepEqual(forced.choices[0].tokens, [7, 7]);
          await page.close();
        });
      }
      const [cpu, gpu] = likely;
      assert.ok(
        cpu.every((logprob, at) => Math.abs(logprob - gpu[at]) < 0.05),
        JSON.stringify(likely),
      );
    });
  }
});
