// Checks every page of the site with axe: on a phone and a desktop, light and dark, with every dialog open.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { ask, engineState, siteFile, startServer, STRICT_CSP } from '../../support/harness.mjs';

const PHONE = { width: 360, height: 640, hasTouch: true, isMobile: true };
const DESKTOP = { width: 1440, height: 900 };
/** The built pages: a new page is checked without a change here. */
const PAGES = readdirSync(siteFile(''), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.html'))
  .map((name) => name.replaceAll('\\', '/'));
const ANSWER =
  '# Birds\n\nThey *do* fly, see [here](https://birds.example/) and ' +
  '`code`.\n\n1. one\n2. two\n\n> quoted\n\n| a | b |\n|---|---:|\n| 1 | 2 |\n\n```js\nfly();\n```\n\n---\n';

describe('axe, on the site', { timeout: 300_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer({ csp: STRICT_CSP });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  async function open(t, path, viewport) {
    const page = await browser.newPage();
    t.after(() => page.close());
    page.on('pageerror', (error) => console.error('error in the page:', String(error)));
    await page.evaluateOnNewDocument(fakeWorker);
    await page.setViewport(viewport);
    await page.goto(`${server.origin}/${path}`);
    return page;
  }
  /** Checks that axe finds nothing, light and dark. */
  async function clean(page, where) {
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      assert.deepEqual(await violations(page), [], `${where}, ${value}`);
    }
  }

  for (const [kind, viewport] of [
    ['a phone', PHONE],
    ['a desktop', DESKTOP],
  ]) {
    for (const name of PAGES) {
      test(`${name} on ${kind}`, async (t) => {
        const page = await open(t, name, viewport);
        await clean(page, 'as loaded');
        assert.equal(
          await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
          false,
          'it scrolls sideways',
        );
      });
    }

    test(`answers and dialogs on ${kind}`, async (t) => {
      const page = await open(t, 'index.html', viewport);
      await engineState(page, 'ready');
      await page.evaluate((text) => {
        const call = { index: 0, id: 'a', name: 'calculator', arguments: '{"expression":"1+1"}' };
        const pieces = ({ messages }) =>
          messages.at(-1).role === 'tool' ? [text] : [{ reasoning: 'It wants all kinds.' }, { tool_calls: [call] }];
        Object.assign(globalThis, { pieces });
      }, ANSWER);
      await ask(page, 'Which kinds are there?');
      await page.waitForSelector('.assistant:not(.writing) pre');
      await page.click('.reasoning summary');
      await page.click('.call summary');
      await clean(page, 'answered');
      await page.click('#model-button');
      await page.waitForFunction(() => / stored/.test(document.querySelector('#storage-note')?.textContent ?? ''));
      await page.$eval('#larger', (node) => Object.assign(node, { open: true }));
      for (const source of ['address', 'file']) {
        await page.$eval(`#model-form [value=${source}]`, (node) => /** @type {HTMLElement} */ (node).click());
        await clean(page, `the model dialog, ${source}`);
      }
      await page.keyboard.press('Escape');
      await page.click('#menu-button');
      await page.waitForSelector('#chats .open');
      await clean(page, 'the menu');
      await page.click('#settings-button');
      await page.waitForSelector('#settings-dialog[open]');
      await clean(page, 'the settings');
    });

    test(`a notice on ${kind}`, async (t) => {
      const page = await open(t, 'index.html?backend=tpu', viewport);
      await engineState(page, 'ready');
      await page.waitForSelector('#notice:not([hidden])');
      await clean(page, 'a notice');
    });

    test(`the opened element of Embed on ${kind}`, async (t) => {
      const page = await open(t, 'embed.html', viewport);
      await (await page.waitForSelector('linnet-chat >>> .launcher', { visible: true }))?.click();
      await page.waitForSelector('linnet-chat >>> .accept', { visible: true });
      await clean(page, 'it asks');
      await (await page.waitForSelector('linnet-chat >>> .accept', { visible: true }))?.click();
      await page.waitForSelector('linnet-chat >>> .input', { visible: true });
      await page.evaluate((text) => Object.assign(globalThis, { pieces: () => [text] }), ANSWER);
      await page.evaluate(() =>
        /** @type {any} */ (document.querySelector('linnet-chat')).ask('Which kinds are there?'),
      );
      await page.waitForSelector('linnet-chat >>> pre');
      await clean(page, 'answered');
    });
  }
});
