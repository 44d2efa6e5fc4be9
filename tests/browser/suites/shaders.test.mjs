// Every WGSL variant through Chromium's own compiler, which is stricter than naga in places.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../engines.mjs';
import { openBlank, startServer } from '../harness.mjs';

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
      const device = await adapter.requestDevice({ requiredFeatures: ['subgroups'] });
      const refusals = async ([name, code]) => {
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        const bad = messages.filter(({ type }) => type !== 'info');
        return bad.map(({ type, lineNum, message }) => `${name}, line ${lineNum}: ${type}: ${message}`);
      };
      Object.assign(globalThis, { refusals });
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('every variant compiles', async (t) => {
    const { count, refused } = await page.evaluate(async () => {
      const module = await import(/** @type {string} */ ('/linnet/linnet.js'));
      // The module for pages that are not isolated takes a memory that is not shared.
      const memory = new WebAssembly.Memory({ initial: 64 });
      await module.default({ module_or_path: fetch('/linnet/linnet_bg.wasm'), memory });
      const variants = JSON.parse(module.shaderVariants());
      const { refusals } = /** @type {any} */ (globalThis);
      return { count: variants.length, refused: (await Promise.all(variants.map(refusals))).flat() };
    });
    t.diagnostic(`${count} variants`);
    assert.ok(count > 50, `${count} variants`);
    assert.deepEqual(refused, []);
  });

  test('a broken shader is noticed', async () => {
    const refused = await page.evaluate(() => /** @type {any} */ (globalThis).refusals(['broken', 'fn f() -> u32 { return 1.5; }']));
    assert.equal(refused.length, 1);
  });
});
