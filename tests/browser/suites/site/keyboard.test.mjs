// The keyboard page, which suggests words during typing, on the CPU.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { noModel, openPage, press, startServer, STRICT_CSP } from '../../support/harness.mjs';

/** The words that are suggested now. */
const words = (page) =>
  page.$$eval('#words button:enabled', (nodes) => nodes.map((node) => node.querySelector('span')?.textContent ?? ''));
const written = (page) => page.$eval('#text', (node) => /** @type {HTMLTextAreaElement} */ (node).value);

describe('the keyboard page', { skip: noModel, timeout: 600_000 }, () => {
  let browser;
  let server;
  let page;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer({ csp: STRICT_CSP });
    page = await openPage(browser, `${server.origin}/some/where/keyboard.html?backend=cpu`, {
      width: 360,
      height: 640,
    });
    assert.equal(server.count('.gguf'), 0, 'nothing is downloaded without consent');
    await press(page, 'Get the model');
    await page.waitForSelector('#text:enabled', { timeout: 300_000 });
    // Records the words and the milliseconds of each suggestion.
    await page.evaluate(() => {
      const took = /** @type {HTMLElement} */ (document.querySelector('#took'));
      const seen = [];
      Object.assign(globalThis, { seen });
      new MutationObserver(() => seen.push(Number(/(\d+) ms/.exec(took.textContent ?? '')?.[1]))).observe(took, {
        childList: true,
      });
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Replaces the text, and waits for the suggestions after it. */
  async function write(text) {
    await page.$eval('#text', (node) => {
      /** @type {HTMLTextAreaElement} */ (node).value = '';
    });
    await page.focus('#text');
    await page.keyboard.type(text);
    return settled();
  }

  /** The next suggestions. */
  async function settled() {
    await page.waitForSelector('#words[aria-busy=false]', { timeout: 30_000 });
    return words(page);
  }

  test('the next words and completions are suggested once each, in the case of the text', async () => {
    const next = await write('The capital of France is ');
    // Three, but on a slow machine the page's time limit may cut the list to the first.
    assert.ok(next.length >= 1 && next.length <= 3, String(next));
    assert.ok(next.includes('Paris'), String(next));
    for (const text of ['Thank you very m', 'We are looking for', 'I do', 'Once upon a ti']) {
      const found = await write(text);
      const begun = /** @type {RegExpExecArray} */ (/\S+$/.exec(text))[0];
      assert.ok(
        found.length > 0 &&
          found.every(
            (word) => word.startsWith(begun) && word.length > begun.length && /^\p{L}[\p{L}'’]*$/u.test(word),
          ),
        `${text}: ${found}`,
      );
      assert.equal(new Set(found.map((word) => word.toLowerCase())).size, found.length, String(found));
    }
    assert.ok((await write('Thank you very m')).includes('much'));
    assert.ok((await write('Once upon a ti')).includes('time'));
    assert.ok(
      (await write('Once upon a TI')).every((word) => word.startsWith('TI')),
      'what was typed stays',
    );
  });

  test('a key, a digit or a tap inserts a word, with the right space after it', async () => {
    const [first] = await write('Thank you very m');
    await page.keyboard.press('Tab');
    assert.equal(await written(page), `Thank you very ${first} `);
    let found = await settled();
    const second = found.at(-1);
    await page.keyboard.press(String(found.length));
    assert.equal(await written(page), `Thank you very ${first} ${second} `);
    // A comma replaces the word's space.
    await page.keyboard.type(',');
    assert.equal(await written(page), `Thank you very ${first} ${second},`);
    found = await settled();
    const third = found.at(-1);
    await page.click(`#words button:nth-child(${found.length})`);
    assert.equal(await written(page), `Thank you very ${first} ${second}, ${third} `);
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'text', 'the text keeps the focus');
    // One undo removes the whole word.
    await page.keyboard.down('Control');
    await page.keyboard.press('z');
    await page.keyboard.up('Control');
    assert.equal(await written(page), `Thank you very ${first} ${second},`);
  });

  test('Escape hides the words; then digits are digits, and Tab moves the focus', async () => {
    await write('I have ');
    await page.keyboard.press('Escape');
    assert.deepEqual(await words(page), []);
    await page.keyboard.press('3');
    assert.equal(await written(page), 'I have 3');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    assert.notEqual(await page.evaluate(() => document.activeElement?.id), 'text');
    await page.click('#digits');
    await write('I have ');
    await page.keyboard.press('1');
    assert.equal(await written(page), 'I have 1');
    await page.click('#digits');
  });

  test('suggestions arrive during typing, and are announced after a pause', async (t) => {
    const text = 'cat sat on the windowsill and looked out at th';
    let [typed, median, quiet, found] = [0, Infinity, false, /** @type {string[]} */ ([])];
    // The best of several runs, since other load makes them slower. An idle machine takes 50 ms.
    for (let turn = 0; turn < 4 && (typed < text.length / 2 || median > 200 || !quiet); turn++) {
      await write('A ');
      const [count, spoken] = await page.evaluate(() => [
        /** @type {any} */ (globalThis).seen.length,
        document.querySelector('#spoken')?.textContent,
      ]);
      for (const letter of text) {
        await page.keyboard.type(letter);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      quiet ||= (await page.$eval('#spoken', (node) => node.textContent)) === spoken;
      found = await settled();
      const all = await page.evaluate((count) => /** @type {any} */ (globalThis).seen.slice(count), count);
      const sorted = all.toSorted((one, other) => one - other);
      [typed, median] = [Math.max(typed, all.length), Math.min(median, sorted[sorted.length >> 1])];
      t.diagnostic(
        `suggestions: ${all.length} for ${text.length} keys, median ${sorted[sorted.length >> 1]} ms, ` +
          `slowest ${sorted.at(-1)} ms`,
      );
    }
    assert.ok(typed >= text.length / 2, `only ${typed} suggestions for ${text.length} keys`);
    assert.ok(median <= 200, `${median} ms`);
    assert.ok(quiet, 'nothing is announced during typing');
    await page.waitForFunction(
      (words) => document.querySelector('#spoken')?.textContent === words,
      { timeout: 5000 },
      found.join(', '),
    );
  });

  test('a long text is not slower, and words are suggested in its middle too', async () => {
    const long = 'The quick brown fox jumps over the lazy dog and runs away. '.repeat(60);
    await page.$eval('#text', (node, long) => Object.assign(node, { value: long }), long);
    await page.focus('#text');
    await page.keyboard.down('Control');
    await page.keyboard.press('End');
    await page.keyboard.up('Control');
    await page.keyboard.type('The quick brown f');
    assert.ok((await settled()).includes('fox'));
    // From after `brown f` to after `bro`.
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(() => document.querySelector('#words span')?.textContent === 'brown', {
      timeout: 30_000,
    });
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  });

  test('axe finds nothing on a small phone, light and dark', async () => {
    await write('Good mor');
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      assert.deepEqual(await violations(page), [], value);
    }
    const small = await page.$$eval('#words button', (nodes) =>
      nodes.map((node) => node.getBoundingClientRect().height).filter((height) => height < 40),
    );
    assert.deepEqual(small, []);
    const fresh = await openPage(browser, `${server.origin}/keyboard.html`);
    assert.deepEqual(await violations(fresh), [], 'before the model is loaded');
    await fresh.close();
  });
});
