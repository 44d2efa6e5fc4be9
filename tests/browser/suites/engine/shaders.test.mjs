// Compiles every WGSL variant in Chromium, whose compiler is sometimes stricter than naga.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { openBlank, startServer } from '../../support/harness.mjs';

describe('the shaders', { timeout: 600_000 }, () => {
  let browser;
  let server;
  let page;
  before(async () => {
    browser = await chromium();
    server = await startServer();
    page = await openBlank(browser, server);
    await page.evaluate(async () => {
      const adapter = await navigator.gpu.requestAdapter();
      if (!adapter) throw new Error('Chromium has no adapter');
      const half = adapter.features.has('shader-f16');
      /** @type {GPUFeatureName[]} */
      const requiredFeatures = half ? ['subgroups', 'shader-f16'] : ['subgroups'];
      const device = await adapter.requestDevice({ requiredFeatures });
      const possible = ([, code]) => half || !code.startsWith('enable f16;');
      const refusals = async ([name, code]) => {
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        const bad = messages.filter(({ type }) => type !== 'info');
        return bad.map(({ type, lineNum, message }) => `${name}, line ${lineNum}: ${type}: ${message}`);
      };
      Object.assign(globalThis, { refusals, possible });
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('every variant compiles', async (t) => {
    const { count, left, refused } = await page.evaluate(async () => {
      const module = await import(/** @type {string} */ ('/linnet/linnet.js'));
      // The module for pages without isolation imports an unshared memory.
      const memory = new WebAssembly.Memory({ initial: 64 });
      await module.default({ module_or_path: fetch('/linnet/linnet_bg.wasm'), memory });
      const all = JSON.parse(module.shaderVariants());
      const { refusals, possible } = /** @type {any} */ (globalThis);
      const variants = all.filter(possible);
      const left = all.length - variants.length;
      return { count: variants.length, left, refused: (await Promise.all(variants.map(refusals))).flat() };
    });
    t.diagnostic(`${count} variants; ${left} for which this adapter has no f16`);
    assert.ok(count > 50, `${count} variants`);
    assert.deepEqual(refused, []);
  });

  test('a broken shader is detected', async () => {
    const refused = await page.evaluate(() =>
      /** @type {any} */ (globalThis).refusals(['broken', 'fn f() -> u32 { return 1.5; }']),
    );
    assert.equal(refused.length, 1);
  });
});
