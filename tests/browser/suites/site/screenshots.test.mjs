// Compares screenshots of every page with the references, at three widths, light and dark. After an intended change,
// run it with LINNET_UPDATE_SCREENSHOTS=1 and look at the differences.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { sitePages } from '../../support/harness.mjs';
import { compare, noFont, PICTURES } from '../../support/pictures.mjs';
import { ask, html, inChat, part, ChatFixture } from '../../support/chat-fixture.mjs';

const SIZES = [
  [360, 740],
  [768, 1024],
  [1440, 900],
];
/** One font, and no facts about the device. */
const LOOKS =
  "* { font-family: 'DejaVu Sans' !important; caret-color: transparent !important; } " +
  ".facts dd { visibility: hidden; } linnet-chat { --linnet-font: 1rem/1.55 'DejaVu Sans'; }";

describe('screenshots', { skip: noFont, timeout: 600_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  before(async () => {
    fixture = await ChatFixture.open({
      '/shop.html': html(
        '<linnet-chat heading="Ask the shop" greeting="Hello! What are you looking for?" ' +
          'suggestions="Do you ship to Norway?|What is new?"></linnet-chat>',
      ),
    });
  });
  after(() => fixture?.close());

  /** Takes all screenshots of a page; `prepare` brings it into the right state. */
  async function look(t, path, name, prepare) {
    const wrong = [];
    const page = await fixture.browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(fakeWorker);
    await page.setViewport({ width: 1440, height: 900 });
    await page.goto(fixture.server.origin + path);
    await page.bringToFront();
    await page.evaluate((looks) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(looks);
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    }, LOOKS);
    await prepare(page);
    for (const scheme of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      for (const [width, height] of SIZES) {
        await page.setViewport({ width, height });
        // Two frames: the layout that depends on sizes is computed in the first one.
        await page.evaluate(
          () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
        );
        wrong.push(await compare(page, `${name}-${width}-${scheme}`));
      }
    }
    t.diagnostic(`in ${PICTURES}`);
    assert.deepEqual(wrong.filter(Boolean), []);
  }

  for (const name of sitePages()) {
    test(name, (t) =>
      look(t, `/${name}.html`, name, async (page) => {
        if (name === 'index') await page.waitForFunction(() => document.documentElement.dataset.engine === 'ready');
        if (name === 'diagnostics') await page.waitForFunction(() => document.documentElement.dataset.probed === 'yes');
        await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
      }),
    );
  }

  test('a conversation', (t) =>
    look(t, '/index.html', 'conversation', async (page) => {
      await page.waitForFunction(() => document.documentElement.dataset.engine === 'ready');
      await page.evaluate(() =>
        Object.assign(globalThis, {
          pieces: () => [
            'The sky scatters blue light more than red light.\n\nAt sunset ',
            'it is the other way round.',
          ],
        }),
      );
      await page.type('#prompt', 'Why is the sky blue?\n');
      await page.waitForSelector('.assistant:not(.writing)');
      await page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement).blur());
    }));

  test('the opened element', (t) =>
    look(t, '/shop.html', 'element', async (page) => {
      await page.click(inChat('.launcher'));
      await part(page, '.input');
      const text =
        '**Rye** and *spelt*, at `2 €`:\n\n- baked at night\n- sold until 18 h\n\n| kind | price |\n' +
        '|:--|--:|\n| rye | 2 € |\n\n```js\nlet a = 1;\n```';
      await page.evaluate((text) => Object.assign(globalThis, { pieces: () => [text] }), text);
      await ask(page, 'What do you have?');
    }));
});
