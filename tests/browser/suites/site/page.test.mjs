// The demo site as a person uses it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import {
  ask,
  engineState,
  modelPath,
  noModel,
  openPage,
  press,
  startServer,
  STRICT_CSP,
  talkingTiny,
} from '../../support/harness.mjs';
import { visitSite } from '../../support/site.mjs';

const answers = (page) => page.$$eval('.assistant .text', (nodes) => nodes.map((node) => node.textContent ?? ''));

/** Waits for the end of the answer; the error has the partial answer. */
async function finished(page) {
  try {
    await page.waitForFunction(() => !document.querySelector('.writing'), { timeout: 300_000 });
  } catch (error) {
    throw new Error(`no end after ${JSON.stringify(await page.$eval('body', (body) => body.innerText))}`, {
      cause: error,
    });
  }
}

describe('the page', { skip: noModel, timeout: 1_800_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium();
    server = await startServer();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('a person asks, reads the answer as it arrives, asks again and starts a new chat', async (t) => {
    const page = await openPage(browser, `${server.origin}/?backend=cpu&temperature=0&max=48`);
    t.after(() => page.close());
    await page.waitForFunction(() =>
      /Downloading: [\d.]+ of 98\.4 MB · \d+ %/.test(document.querySelector('#loading-text')?.textContent ?? ''),
    );
    await page.evaluate(() => {
      const sizes = new Set();
      Object.assign(globalThis, { sizes });
      const look = () => sizes.add(document.querySelector('.assistant .text')?.textContent?.length ?? 0);
      new MutationObserver(look).observe(/** @type {Node} */ (document.querySelector('#log')), {
        subtree: true,
        childList: true,
        characterData: true,
      });
    });
    // A question may be asked before the model is loaded.
    await ask(page, 'What is the capital of France?');
    await engineState(page, 'ready');
    await finished(page);
    const [first] = await answers(page);
    assert.match(first, /Paris/);
    const sizes = await page.evaluate(() => [.../** @type {any} */ (globalThis).sizes]);
    assert.ok(sizes.length >= 4, `the answer grew in ${sizes.length} steps`);
    assert.match(
      await page.$eval('#stats', (element) => element.textContent ?? ''),
      /CPU, \d threads? · [\d.]+ tokens\/s/,
    );
    assert.match(
      await page.$eval('.assistant .meta', (element) => element.textContent ?? ''),
      /\d+ tokens · [\d.]+ tokens\/s/,
    );

    await ask(page, 'And of Italy?');
    await page.waitForFunction(() => document.querySelectorAll('.assistant').length === 2);
    await finished(page);
    assert.match((await answers(page))[1], /Rome/);
    await press(page, 'New chat');
    assert.equal((await answers(page)).length, 0);
  });

  test('a reload does not download the model', async (t) => {
    server.requests.length = 0;
    const page = await openPage(browser, `${server.origin}/?backend=cpu`);
    t.after(() => page.close());
    await engineState(page, 'ready');
    await page.reload();
    await engineState(page, 'ready');
    assert.equal(server.count('.gguf'), 0);
  });

  test('Stop stops within one token, and the chat continues after it', async (t) => {
    const page = await openPage(browser, `${server.origin}/?backend=cpu`);
    t.after(() => page.close());
    await engineState(page, 'ready');
    await ask(page, 'Write a very long story about a small bird.');
    const shown = () =>
      page.$eval('#stats', (element) => Number(/(\d+) tokens?\b/.exec(element.textContent ?? '')?.[1] ?? 0));
    while ((await shown()) < 5) await new Promise((resolve) => setTimeout(resolve, 20));
    const [before, after] = await page.evaluate(async () => {
      const count = () => Number(/(\d+) tokens?\b/.exec(document.querySelector('#stats')?.textContent ?? '')?.[1] ?? 0);
      /** @type {HTMLElement} */ (document.querySelector('#stop')).click();
      const before = count();
      while (document.querySelector('.writing')) await new Promise((resolve) => setTimeout(resolve, 5));
      await new Promise((resolve) => setTimeout(resolve, 500));
      return [before, count()];
    });
    assert.ok(after <= before + 1, `${after} tokens, stopped at ${before}`);
    assert.match(await page.$eval('.assistant .meta', (element) => element.textContent ?? ''), /stopped/);
    await ask(page, 'Thanks. What is 1 + 1?');
    await page.waitForFunction(() => (document.querySelectorAll('.assistant .text')[1]?.textContent ?? '').length > 0, {
      timeout: 300_000,
    });
  });

  test('on a small phone everything is in reach', async (t) => {
    const viewport = { width: 360, height: 640, hasTouch: true, isMobile: true };
    const page = await visitSite(t, browser, server, { path: '/', viewport });
    await page.evaluate(() => Object.assign(globalThis, { pause: 30, pieces: () => Array(500).fill('word ') }));
    await page.tap('#suggestions button');
    await page.waitForFunction(() => (document.querySelector('.assistant .text')?.textContent ?? '').length > 10, {
      timeout: 300_000,
    });
    await page.tap('#stop');
    await finished(page);
    await page.tap('#model-button');
    const [wide, small] = await page.evaluate(() => {
      const wide = document.documentElement.scrollWidth > innerWidth;
      const targets = [...document.querySelectorAll('button, select')].filter((node) => node.checkVisibility());
      const small = targets.filter(
        (node) => node.getBoundingClientRect().height < 36 || node.getBoundingClientRect().right > innerWidth,
      );
      return [wide, small.map((node) => node.outerHTML)];
    });
    assert.equal(wide, false, 'nothing scrolls sideways');
    assert.deepEqual(small, []);
    await press(page, 'Close');
    const prompt = await page.$eval('#prompt', (node) => node.getBoundingClientRect().bottom);
    assert.ok(prompt <= 640);
  });

  describe('from a folder, under a strict policy', () => {
    let strict;
    beforeEach(async () => {
      // A model of a few layers, whose kernels SwiftShader compiles in seconds, not minutes.
      strict = await startServer({
        csp: STRICT_CSP,
        isolated: false,
        files: { '/some/where/tiny.gguf': talkingTiny() },
      });
    });
    afterEach(() => strict.close());

    for (const [query, says] of /** @type {const} */ ([
      ['?backend=cpu', /CPU/],
      ['?backend=webgpu&model=tiny.gguf', /WebGPU/],
    ])) {
      test(`it works with ${query}, and requests nothing outside the folder`, async (t) => {
        const page = await openPage(browser, `${strict.origin}/some/where/${query}`);
        t.after(() => page.close());
        await engineState(page, 'ready');
        assert.match(await page.$eval('#stats', (element) => element.textContent ?? ''), says);
        await ask(page, 'Hi');
        await page.waitForFunction(() => (document.querySelector('.assistant .text')?.textContent ?? '').length > 0, {
          timeout: 300_000,
        });
        const strange = strict.requests.filter(({ path, status }) => !path.startsWith('/some/where/') || status >= 400);
        assert.deepEqual(strange, []);
        assert.equal(strict.count('.gguf') > 0, true);
      });
    }
  });

  test('a file from the device needs no network', async (t) => {
    const page = await openPage(browser, `${server.origin}/?backend=cpu&model=/nothing.gguf`);
    t.after(() => page.close());
    await engineState(page, 'failed');
    server.requests.length = 0;
    await page.click('#model-button');
    await page.click('#model-form [value=file]');
    const input = /** @type {import('puppeteer-core').ElementHandle<HTMLInputElement>} */ (await page.$('#model-file'));
    await input.uploadFile(modelPath);
    await press(page, 'Load');
    await engineState(page, 'ready');
    assert.equal(server.count('.gguf'), 0);
    await page.click('#model-button');
    assert.match(await page.$eval('#facts', (element) => element.textContent ?? ''), /98\.4 MB from your file/);
  });

  test('loading can be paused and continued', async (t) => {
    const slow = await startServer();
    t.after(() => slow.close());
    slow.faults.set('/models/SmolLM2-135M-Instruct.Q4_1.gguf', { bytesPerSecond: 20e6 });
    const page = await openPage(browser, `${slow.origin}/?backend=cpu`);
    t.after(() => page.close());
    await page.waitForFunction(
      () => /[2-9]\d\.\d of/.test(document.querySelector('#loading-text')?.textContent ?? ''),
      { timeout: 300_000 },
    );
    await press(page, 'Pause');
    await engineState(page, 'paused');
    slow.faults.clear();
    slow.requests.length = 0;
    await press(page, 'Download');
    await engineState(page, 'ready');
    const [{ range }] = slow.requests.filter(({ path }) => path.endsWith('.gguf'));
    assert.ok(Number(/bytes=(\d+)-/.exec(range ?? '')?.[1]) > 10e6, String(range));
  });
});
