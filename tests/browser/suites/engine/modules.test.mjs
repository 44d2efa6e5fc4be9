// The four wasm modules: all give the reference's tokens.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import {
  complete,
  gemmaPath,
  load,
  modelPath,
  noGemma,
  noModel,
  openBlank,
  referenceFile,
  startServer,
} from '../../support/harness.mjs';
import { readTensors } from '../../support/safetensors.mjs';

const MODULES = [
  { name: 'simd128', isolated: false, relaxedSimd: false },
  { name: 'simd128-threads', isolated: true, relaxedSimd: false },
  { name: 'relaxed-simd', isolated: false, relaxedSimd: true },
  { name: 'relaxed-simd-threads', isolated: true, relaxedSimd: true },
];
/** If the logits of the reference's best two tokens differ by less, the rest is not compared. */
const CLOSE = 0.05;

const REAL = [
  { path: modelPath, skip: noModel, reference: 'smollm2-135m-instruct-q4_1' },
  { path: gemmaPath, skip: noGemma, reference: 'gemma-3-270m-q4_k_m' },
];
/** A random model in each block format. */
const QUANTS = referenceFile('quants', 'index.json');
const COUNT = 24;

/** Runs `check` in a page with each module, and returns the results. */
async function inEach(browser, path, check) {
  const results = [];
  for (const { name, isolated, relaxedSimd } of MODULES) {
    const server = await startServer({ isolated, relaxedSimd, files: { '/model.gguf': path } });
    try {
      const page = await openBlank(browser, server);
      const info = await load(page, '/model.gguf', { backend: 'cpu', threads: 2, contextLength: 512 });
      assert.equal(info.code, undefined, info.message);
      assert.deepEqual([info.module, info.threads], [name, isolated ? 2 : 1]);
      results.push(await check((request) => complete(page, { temperature: 0, ignore_eos: true, ...request })));
      await page.close();
    } finally {
      await server.close();
    }
  }
  return results;
}

describe('the wasm modules', () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  for (const { path, skip, reference } of REAL) {
    const folder = (file) => referenceFile('real', reference, file);
    const absent = existsSync(folder('index.json')) ? false : 'skipped: the reference has no results of it here';
    test(basename(path), { skip: skip || absent, timeout: 900_000 }, async () => {
      const { prompts } = JSON.parse(readFileSync(folder('index.json'), 'utf8'));
      const goldens = prompts.map(({ file }) => readTensors(folder(file)));
      const results = await inEach(browser, path, async (answer) => {
        const answers = [];
        for (const { tokens, greedy, greedy_margin: margins } of goldens) {
          const { choices, message } = await answer({ prompt: tokens, max_tokens: greedy.length });
          assert.ok(choices, message);
          const close = margins.findIndex((margin) => margin < CLOSE);
          const clear = close < 0 ? greedy.length : close;
          assert.deepEqual(choices[0].tokens.slice(0, clear), greedy.slice(0, clear));
          answers.push(choices[0].tokens);
        }
        return answers;
      });
      for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
    });
  }

  const formats = existsSync(QUANTS) ? JSON.parse(readFileSync(QUANTS, 'utf8')).types : [];
  test('the block formats', {
    skip: formats.length ? false : 'skipped: the reference has no results of them here',
  }, () => {});
  for (const { type, model, golden } of formats) {
    test(`weights of ${type}`, { timeout: 300_000 }, async () => {
      const { tokens_33: prompt } = readTensors(referenceFile('quants', golden));
      const results = await inEach(browser, referenceFile('quants', model), async (answer) => {
        const { choices, message } = await answer({ prompt, max_tokens: COUNT });
        assert.equal(choices?.[0].tokens.length, COUNT, message);
        return choices[0].tokens;
      });
      for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
    });
  }
});
