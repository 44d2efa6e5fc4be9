// The kernels that graphics cards get, with subgroups and without, through Chromium's own compiler. A software adapter
// has others; here it passes for a card. (Every variant, oracle by oracle, is tested natively.)
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import {
  complete,
  load,
  nativeTokens,
  openBlank,
  packageFile,
  referenceFile,
  startServer,
} from '../../support/harness.mjs';

const COUNT = 24;
/** Products of one with experts and attention with sinks and windows; of a dense model. */
const CASES = [
  { name: 'gpt-oss', subgroups: true },
  { name: 'qwen3', subgroups: false },
];

/** The engine's worker on an adapter that looks like a card with these features of its. */
function workerWith({ subgroups }) {
  const disguise = `
Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
Object.defineProperty(GPUAdapterInfo.prototype, 'architecture', { get: () => 'made-up' });
Object.defineProperty(GPUAdapterInfo.prototype, 'description', { get: () => '' });
// Products of integers are rounded, and their tokens need not be the native ones.
Object.defineProperty(GPU.prototype, 'wgslLanguageFeatures', { get: () => new Set(['subgroup_id']) });
${subgroups ? '' : "Object.defineProperty(GPUAdapter.prototype, 'features', { get: () => new Set() });"}
`;
  return Buffer.from(disguise + readFileSync(packageFile('worker.js'), 'utf8'));
}

describe('the kernels of graphics cards', () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  for (const { name, subgroups } of CASES) {
    test(`${subgroups ? 'with' : 'without'} subgroups`, { timeout: 600_000 }, async (t) => {
      const path = referenceFile('tiny', name, 'model.gguf');
      const server = await startServer({
        files: { '/tiny.gguf': path, '/linnet/worker.js': workerWith({ subgroups }) },
      });
      t.after(() => server.close());
      const page = await openBlank(browser, server);
      const prompt = JSON.parse(readFileSync(referenceFile('tiny', name, 'meta.json'), 'utf8')).text;
      const expected = nativeTokens(prompt, COUNT, path);
      assert.equal(expected?.length, COUNT, 'the native binary is there and answers');
      const answers = async () => {
        const start = performance.now();
        const info = await load(page, '/tiny.gguf', { backend: 'webgpu', contextLength: 512 });
        t.diagnostic(`loaded in ${Math.round(performance.now() - start)} ms`);
        assert.equal(info.code, undefined, info.message);
        assert.equal(info.features.includes('subgroups'), subgroups, String(info.features));
        assert.deepEqual(info.disabled_features ?? [], []);
        const answer = await complete(page, { prompt, max_tokens: COUNT, temperature: 0, ignore_eos: true });
        assert.deepEqual(answer.choices?.[0].tokens, expected, answer.message);
      };
      await answers();
      const kept = () => page.evaluate(() => JSON.parse(localStorage.getItem('linnet-measured') ?? '{}'));
      const found = await kept();
      assert.equal(found.measured?.length, 1, 'what was measured is kept');
      // What is found at the next visit is believed: something else that there is.
      const [one] = found.measured;
      const other = { ...found, measured: [{ ...one, threads: one.threads === 128 ? 64 : 128, rows_per_thread: 1 }] };
      await page.evaluate((other) => localStorage.setItem('linnet-measured', JSON.stringify(other)), other);
      await answers();
      assert.deepEqual(await kept(), other);
    });
  }
});
