// Models on both backends, isolated and not, from the network and from the store: always the native binary's tokens.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import {
  complete,
  load,
  MODEL_BYTES,
  MODEL_ID,
  modelPath,
  nativeTokens,
  noModel,
  openBlank,
  referenceFile,
  startServer,
  STRICT_CSP,
} from '../../support/harness.mjs';

const PROMPT = 'The capital of France is';
const COUNT = 16;
const REQUEST = { prompt: PROMPT, max_tokens: COUNT, temperature: 0, ignore_eos: true };

/** A model and its address; `path` is the file. */
const REAL = { name: 'the real model', model: MODEL_ID, path: modelPath, bytes: MODEL_BYTES };
const tinyPath = referenceFile('tiny', 'qwen3', 'model.gguf');
const TINY = { name: 'a tiny model', model: '/tiny.gguf', path: tinyPath, bytes: statSync(tinyPath).size };

describe('a model', { skip: noModel }, () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  for (const isolated of [true, false]) {
    for (const backend of ['cpu', 'webgpu']) {
      // SwiftShader needs half a minute for each load of the real model. On the GPU the module is the same in an
      // isolated page, so a tiny model suffices to test isolation.
      const { name: what, model, path, bytes } = isolated && backend === 'webgpu' ? TINY : REAL;
      const expected = nativeTokens(PROMPT, COUNT, path);
      const name = `${what}, ${isolated ? 'isolated' : 'not isolated'}, ${backend}`;
      test(name, { timeout: 900_000 }, async (t) => {
        // Half of them run under a strict policy: no inline script, no eval, no worker from a blob.
        const server = await startServer({
          isolated,
          files: { '/tiny.gguf': tinyPath },
          ...(isolated ? {} : { csp: STRICT_CSP }),
        });
        t.after(() => server.close());

        /** @type {number[]} */
        let cold = [];
        await t.test('from the network', async () => {
          const page = await openBlank(browser, server);
          assert.equal(await page.evaluate(() => crossOriginIsolated), isolated);
          const info = await load(page, model, { backend, threads: 2 });
          assert.equal(info.code, undefined, info.message);
          assert.deepEqual(
            [info.backend, info.origin, info.stored, info.model.file_bytes],
            [backend, 'network', true, bytes],
          );
          assert.deepEqual(info.phases, ['engine', 'download', 'prepare']);
          if (backend === 'webgpu') {
            assert.equal(info.adapter.fallback, true);
            // The weights are not in the wasm heap, which mostly holds the tokenizer.
            assert.ok(info.memory.heap < 64 << 20, `the heap has ${info.memory.heap} bytes`);
          } else {
            assert.equal(info.adapter, undefined);
            assert.deepEqual([info.module.endsWith('-threads'), info.threads], isolated ? [true, 2] : [false, 1]);
            assert.ok(info.memory.heap > bytes);
          }
          // Each chunk once.
          assert.equal(server.count('.gguf'), Math.ceil(bytes / (4 << 20)));
          cold = (await complete(page, REQUEST)).choices[0].tokens;
          await page.close();
          assert.equal(cold.length, COUNT);
        });

        await t.test('from the store, without requests', async () => {
          server.requests.length = 0;
          const page = await openBlank(browser, server);
          // With the default number of threads.
          const info = await load(page, model, { backend });
          assert.equal(info.code, undefined, info.message);
          assert.deepEqual([info.origin, info.stored], ['cache', true]);
          assert.deepEqual(info.phases, ['engine', 'cache', 'prepare']);
          assert.equal(server.count('.gguf'), 0);
          const { choices, usage, timings } = await complete(page, REQUEST);
          await page.close();
          assert.deepEqual(choices[0].tokens, cold);
          assert.equal(choices[0].finish_reason, 'length');
          assert.equal(usage.completion_tokens, COUNT);
          assert.equal(usage.total_tokens, usage.prompt_tokens + COUNT);
          assert.ok(timings.prompt_per_second > 0 && timings.predicted_per_second > 0);
        });

        await t.test(
          'the tokens are those of the native binary',
          { skip: expected ? false : 'skipped: there is no native binary' },
          () => {
            assert.deepEqual(cold, expected);
          },
        );
      });
    }
  }
});

describe('the choice of a backend', { skip: noModel }, () => {
  test('auto uses the CPU if the GPU is software, and says why', { timeout: 600_000 }, async (t) => {
    const browser = await chromium({ webgpu: true });
    t.after(() => browser.close());
    const server = await startServer();
    t.after(() => server.close());
    const info = await load(await openBlank(browser, server), MODEL_ID);
    assert.deepEqual([info.backend, info.fallback?.code, info.fallback?.details.gpu], ['cpu', 'no-webgpu', 'software']);
  });

  test('without an adapter auto uses the CPU, and webgpu is rejected', { timeout: 600_000 }, async (t) => {
    const browser = await chromium({ webgpu: false });
    t.after(() => browser.close());
    const server = await startServer({ isolated: false });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    assert.equal((await load(page, MODEL_ID, { backend: 'webgpu' })).code, 'no-webgpu');
    assert.equal(server.count('.gguf'), 0, 'nothing is downloaded for a missing device');
    const info = await load(page, MODEL_ID);
    assert.deepEqual([info.backend, info.fallback?.details.gpu], ['cpu', 'none']);
    assert.equal(info.threads, 1);
  });
});
