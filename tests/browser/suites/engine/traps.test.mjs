// A trap in an asynchronous call of the wasm, which only a bug can cause, rejects the call's promise.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { openBlank, startServer } from '../../support/harness.mjs';

describe('a trap', { timeout: 120_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('rejects the promise', async () => {
    const page = await openBlank(browser, server);
    const outcome = await page.evaluate(async () => {
      const module = await import(/** @type {string} */ ('/linnet/linnet.js'));
      const memory = new WebAssembly.Memory({ initial: 64 });
      await module.default({ module_or_path: fetch('/linnet/linnet_bg.wasm'), memory });
      const loader = module.Loader.create('{"backend":"cpu"}');
      // Its state is invalid in the next microtask.
      new Uint8Array(memory.buffer).fill(0xff);
      const settled = loader.then(
        () => 'fulfilled',
        (error) => error instanceof WebAssembly.RuntimeError || String(error),
      );
      return Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 5000, 'nothing'))]);
    });
    assert.equal(outcome, true);
  });
});
