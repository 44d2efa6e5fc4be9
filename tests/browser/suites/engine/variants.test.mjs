// The kernels for hardware adapters, with and without subgroups, compiled by Chromium. A software adapter gets other
// kernels; here it looks like hardware. (Native tests compare every variant with the oracles.)
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
/** A model with experts, attention sinks and windows, and a dense model. */
const CASES = [
  { name: 'gpt-oss', subgroups: true },
  { name: 'qwen3', subgroups: false },
];

/** The engine's worker on an adapter that looks like hardware with these features. */
function workerWith({ subgroups }) {
  const disguise = `
Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
Object.defineProperty(GPUAdapterInfo.prototype, 'architecture', { get: () => 'fake' });
Object.defineProperty(GPUAdapterInfo.prototype, 'description', { get: () => '' });
// Integer products round, so their tokens may differ from the native ones.
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
      assert.equal(expected?.length, COUNT, 'the native binary works');
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
      // The next visit uses stored results, even if they name another valid variant.
      const [one] = found.measured;
      const other = { ...found, measured: [{ ...one, threads: one.threads === 128 ? 64 : 128, rows_per_thread: 1 }] };
      await page.evaluate((other) => localStorage.setItem('linnet-measured', JSON.stringify(other)), other);
      await answers();
      assert.deepEqual(await kept(), other);
    });
  }
});
