// The demo site as an app: it can be installed, and after the first visit it needs no network.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../engines.mjs';
import { ask, engineState, noModel, openPage, startServer, STRICT_CSP } from '../harness.mjs';

describe('the site without a network', { skip: noModel, timeout: 600_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  const keptFiles = async () => {
    const names = (await caches.keys()).filter((name) => name.startsWith('linnet-site '));
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  };

  for (const folder of ['/', '/some/where/']) {
    test(`after the first visit of ${folder} the chat and the other pages are there, and answer`, async (t) => {
      const server = await startServer({ csp: STRICT_CSP });
      t.after(() => server.close());
      const first = await openPage(browser, `${server.origin}${folder}?backend=cpu&temperature=0&max=24`);
      await engineState(first, 'ready');
      await first.waitForFunction(`(${keptFiles})().then((files) => files.some((file) => file.endsWith('.wasm')))`, { timeout: 60_000 });
      const files = /** @type {string[]} */ (await first.evaluate(`(${keptFiles})()`));
      assert.equal(files.filter((file) => file.endsWith('.wasm')).length, 1, 'of four modules the one that this browser uses');
      assert.ok(files.every((file) => file.startsWith(folder) && !file.endsWith('.gguf')), String(files));
      const client = await first.createCDPSession();
      const { installabilityErrors } = await client.send('Page.getInstallabilityErrors');
      assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'), []);
      await first.close();
      await server.close();

      const page = await openPage(browser, `${server.origin}${folder}?backend=cpu&temperature=0&max=24`);
      t.after(() => page.close());
      await engineState(page, 'ready');
      assert.match(await page.$eval('#stats', (node) => node.textContent ?? ''), /CPU, [2-9] threads/, 'the isolation is kept, too');
      await ask(page, 'What is the capital of France?');
      await page.waitForFunction(() => /Paris/.test(document.querySelector('.assistant .text')?.textContent ?? ''), { timeout: 120_000 });
      // Some hosts leave out the ending.
      await page.goto(`${server.origin}${folder}bench`);
      await page.waitForSelector('#run');
      for (const name of ['bench', 'diagnostics', 'embed']) {
        await page.goto(`${server.origin}${folder}${name}.html`);
        assert.equal(await page.$eval('nav [aria-current=page]', (node) => node.textContent?.toLowerCase()), name);
      }
      await page.waitForSelector('linnet-chat >>> .launcher');
    });
  }
});
