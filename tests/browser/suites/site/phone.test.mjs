// A phone: a small screen, touch, a slow processor and a slow network. The model is random, and faster than any real
// one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { KnownDevices } from 'puppeteer-core';
import { chromium } from '../../support/engines.mjs';
import { engineState, startServer, STRICT_CSP, talkingTiny } from '../../support/harness.mjs';
import { slowness, Tasks } from '../../support/tasks.mjs';

/** How many times slower than the reference machine a phone is. */
const SLOWER = 4;
/** A typical phone network, in bytes per second and milliseconds. */
const NETWORK = { offline: false, latency: 100, downloadThroughput: 1e6, uploadThroughput: 100e3 };
const inChat = (selector) => `linnet-chat >>> ${selector}`;
const shows = (selector) =>
  !!document.querySelector('linnet-chat')?.shadowRoot?.querySelector(selector)?.checkVisibility();

describe('on a phone', { timeout: 600_000 }, () => {
  let browser;
  /** The slow-down of the page's processor that makes it as fast as a phone's on any machine. */
  let rate;
  before(async () => {
    browser = await chromium({ webgpu: false });
    const page = await browser.newPage();
    const here = await slowness(page);
    await page.close();
    rate = Math.max(1, SLOWER / here);
    console.log(`this machine is ${here.toFixed(1)} times slower, so pages are slowed down ${rate.toFixed(1)} times`);
  });
  after(() => browser?.close());

  /** Opens a page of a site that has not been visited yet. */
  async function visit(t, path) {
    const element =
      '<linnet-chat model="/tiny.gguf" backend="cpu" max-tokens="600" temperature="0" ' +
      'suggestions="Hello there"></linnet-chat>';
    const server = await startServer({
      csp: STRICT_CSP,
      files: {
        '/tiny.gguf': talkingTiny(),
        '/shop.html': Buffer.from(`<!doctype html><html lang="en"><meta charset="utf-8">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>A shop</title><script type="module" src="/linnet/element.js"></script>
          <body><h1>A shop</h1>${element}</body></html>`),
      },
    });
    t.after(() => server.close());
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.emulate(KnownDevices['Pixel 5']);
    const client = await page.createCDPSession();
    await client.send('Emulation.setCPUThrottlingRate', { rate });
    await client.send('Network.enable');
    await client.send('Network.emulateNetworkConditions', NETWORK);
    await page.goto(server.origin + path);
    await page.bringToFront();
    return page;
  }

  /** Runs it, and up to twice more if a task was too long, since the machine may be busy. */
  async function smoothly(t, run) {
    for (let tries = 1; ; tries++) {
      const { longest, text } = await run();
      t.diagnostic(text);
      if (longest <= 50) return;
      assert.ok(tries < 3, `a task of ${longest} ms`);
    }
  }

  test('the demo loads and answers by tap, without long tasks', async (t) => {
    await smoothly(t, async () => {
      const page = await visit(t, '/?model=/tiny.gguf&backend=cpu&temperature=0&max=600');
      await page.waitForSelector('#loading:not([hidden])');
      const tasks = await Tasks.watch(page);
      await engineState(page, 'ready');
      await page.tap('#suggestions button');
      await page.waitForFunction(() => /tokens ·/.test(document.querySelector('.assistant .meta')?.textContent ?? ''), {
        timeout: 60_000,
      });
      const found = await tasks.end();
      // Tasks during typing must be short, too.
      await page.tap('#prompt');
      await page.keyboard.type('And now?');
      await page.tap('#send');
      await page.waitForFunction(() => document.querySelectorAll('.assistant:not(.writing)').length === 2, {
        timeout: 60_000,
      });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
      return found;
    });
  });

  test('the element loads and answers by tap, without long tasks', async (t) => {
    await smoothly(t, async () => {
      const page = await visit(t, '/shop.html');
      await page.waitForFunction(shows, {}, '.launcher');
      await page.tap(inChat('.launcher'));
      await page.waitForFunction(shows, { timeout: 60_000 }, '[data-state=consent] .accept');
      const tasks = await Tasks.watch(page);
      await page.tap(inChat('.accept'));
      await page.waitForFunction(shows, { timeout: 60_000 }, '.by[data-by=device]');
      await page.tap(inChat('.suggestion'));
      await page.waitForFunction(shows, { timeout: 60_000 }, '.answer:last-child .actions');
      return tasks.end();
    });
  });
});
