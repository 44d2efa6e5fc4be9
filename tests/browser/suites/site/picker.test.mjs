// The demo site's model dialog: what fits, what is stored, what changes after a crash.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import {
  engineState,
  MODEL_ID,
  modelPath,
  noModel,
  notice,
  openPage,
  press,
  startServer,
  STRICT_CSP,
} from '../../support/harness.mjs';

const card = (id) => `.model:has([value="${id}"])`;
/** Waits until the list shows what fits and what is stored. */
const told = (page) =>
  page.waitForFunction(() => / stored/.test(document.querySelector('#storage-note')?.textContent ?? ''));
const badge = (page, id) => page.$eval(`${card(id)} .badge`, (node) => node.textContent);

describe('the choice of a model', { skip: noModel, timeout: 900_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  /** The site on its own origin, with an empty store. */
  async function open(t, query, viewport) {
    const server = await startServer({ csp: STRICT_CSP });
    t.after(() => server.close());
    const page = await openPage(browser, `${server.origin}/${query}`, viewport);
    t.after(() => page.close());
    return { server, page };
  }

  test('it says which models fit and why others do not; a stored model is marked and can be removed', async (t) => {
    const { page } = await open(t, '?backend=cpu');
    await engineState(page, 'ready');
    await page.click('#model-button');
    await told(page);
    assert.equal(await badge(page, MODEL_ID), 'In this browser');
    assert.match(
      await page.$eval(card(MODEL_ID), (node) => node.textContent ?? ''),
      /98\.4 MB · Apache-2\.0 · context 8,192/,
    );
    // There is no GPU: models that need one cannot be chosen, but are listed.
    const beyond = await page.$$eval('#larger-models .model', (nodes) => nodes.map((node) => node.textContent ?? ''));
    assert.ok(beyond.length > 3, `${beyond.length} models`);
    assert.ok(
      beyond.every((text) => /needs a GPU|more memory/.test(text)),
      String(beyond),
    );
    assert.equal(await page.$eval('#larger', (node) => /** @type {HTMLDetailsElement} */ (node).open), false);

    await press(page, 'Remove SmolLM2 135M Instruct from this browser');
    await page.waitForFunction(() =>
      /^0 bytes stored/.test(document.querySelector('#storage-note')?.textContent ?? ''),
    );
    assert.notEqual(await badge(page, MODEL_ID), 'In this browser');
    assert.equal(
      await page.evaluate(() => /** @type {HTMLInputElement} */ (document.activeElement).value),
      MODEL_ID,
      'the focus is not lost',
    );
  });

  test('a file from the device can be stored, and is there at the next visit', async (t) => {
    const { server, page } = await open(t, '?backend=cpu&model=/nothing.gguf');
    await engineState(page, 'failed');
    await page.click('#model-button');
    await page.click('#model-form [value=file]');
    const input = /** @type {import('puppeteer-core').ElementHandle<HTMLInputElement>} */ (await page.$('#model-file'));
    await input.uploadFile(modelPath);
    await page.click('#model-keep');
    await press(page, 'Load');
    await engineState(page, 'ready');
    // It is the file of a listed model, so it becomes that model's copy.
    server.requests.length = 0;
    await page.reload();
    await engineState(page, 'ready');
    assert.equal(server.count('.gguf'), 0);
    assert.equal(await page.$eval('#model-name', (node) => node.textContent), 'SmolLM2 135M Instruct');
  });

  test('after a crash a notice says what is reduced, and can undo it', async (t) => {
    const { page } = await open(t, `?backend=cpu&context=4096`);
    await engineState(page, 'ready');
    // The mark of a page that crashed while it loaded.
    const model = await page.evaluate(async () => {
      const list = await import(/** @type {any} */ ('/linnet/index.js'));
      return list.models.all[0].files[0].url;
    });
    await page.evaluate(
      (model) => localStorage.setItem('linnet-risk gone', JSON.stringify({ model, phase: 'load', hidden: false })),
      model,
    );
    await page.reload();
    const { code, text } = await notice(page);
    assert.equal(code, 'recovered');
    assert.match(text, /closed this page while the model was loading.*has a smaller context \(2,048 tokens\)/);
    await press(page, 'Try the full settings again');
    await page.waitForFunction(() => document.documentElement.dataset.engine === 'loading');
    await engineState(page, 'ready');
    assert.equal(await page.$eval('#notice', (node) => /** @type {HTMLElement} */ (node).hidden), true);
    assert.equal(
      await page.evaluate(() => Object.keys(localStorage).some((name) => name.startsWith('linnet-crashes'))),
      false,
    );
  });

  for (const [width, height] of [
    [1440, 900],
    [360, 640],
  ]) {
    test(`at ${width} by ${height} all controls are visible without scrolling`, async (t) => {
      const { page } = await open(t, '?backend=cpu&model=/nothing.gguf', { width, height });
      await page.click('#model-button');
      await told(page);
      const covered = await page.$$eval('#model-form [name=backend], #model-form [type=submit]', (nodes) =>
        nodes
          .filter((node) => {
            const { left, top, width, height } = node.getBoundingClientRect();
            return !node.contains(document.elementFromPoint(left + width / 2, top + height / 2));
          })
          .map((node) => node.outerHTML),
      );
      assert.deepEqual(covered, []);
    });
  }

  test('on a small phone, light and dark: axe finds nothing, and nothing overflows', async (t) => {
    const { page } = await open(t, '?backend=cpu&model=/nothing.gguf', {
      width: 360,
      height: 640,
      hasTouch: true,
      isMobile: true,
    });
    for (const scheme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.click('#model-button');
      await told(page);
      if (await page.$eval('#larger', (node) => !(/** @type {HTMLDetailsElement} */ (node).open)))
        await page.click('#larger summary');
      assert.deepEqual(await violations(page), [], scheme);
      const wide = await page.$eval(
        '#model-dialog',
        (node) => node.scrollWidth > node.clientWidth || document.documentElement.scrollWidth > innerWidth,
      );
      assert.equal(wide, false);
      await press(page, 'Close');
      assert.deepEqual(await violations(page), [], `${scheme}, closed`);
    }
  });
});
