// <linnet-chat> as a person uses it, with a fake model: what it loads, what it shows, what it rejects.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { violations } from '../../support/axe.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { MODEL_BYTES, MODEL_ID, noModel, openPage, packageFile } from '../../support/harness.mjs';
import {
  answered,
  ask,
  bodyText,
  html,
  inChat,
  INLINE,
  part,
  ChatFixture,
  within,
} from '../../support/chat-fixture.mjs';

/** An inline chat with the real model. */
const inlineChat = (heading) =>
  `<linnet-chat real mode="inline" heading="${heading}" model-base="/models/" backend="cpu" ` +
  'context-length="512" max-tokens="8"></linnet-chat>';
/** The compressed size of a file of the package. */
const sizeOf = (name) => brotliCompressSync(readFileSync(packageFile(name))).length;

describe('the chat element', { timeout: 900_000 }, () => {
  /** @type {ChatFixture} */
  let fixture;
  before(async () => {
    fixture = await ChatFixture.open({
      '/button.html': html(
        '<linnet-chat heading="Ask the shop" greeting="Hello! What are you looking for?" ' +
          'suggestions="Do you ship to Norway?|What is new?"></linnet-chat>',
      ),
      '/rtl.html': Buffer.from(String(html(INLINE)).replace('<html lang="en">', '<html lang="ar" dir="rtl">')),
      '/real.html': html(
        `<linnet-chat real model="${MODEL_ID}" model-base="/models/" backend="cpu" context-length="512" ` +
          'max-tokens="12" temperature="0"></linnet-chat>',
      ),
      '/two.html': html(['One', 'Two'].map(inlineChat).join('')),
      '/policy.html': html('<linnet-chat mode="inline" when-hidden="pause" pace="gentle"></linnet-chat>'),
      '/loaded.html': html('<linnet-chat real mode="inline" model="/parrot.gguf"></linnet-chat>'),
      '/patient.html': html(
        '<linnet-chat real mode="inline" model="/parrot.gguf" when-hidden="pause" pace="full"></linnet-chat>',
      ),
      '/context.html': html(
        '<linnet-chat mode="inline" system="Be brief.">' +
          `<script type="text/plain">${'We sell bread. '.repeat(400)}</script></linnet-chat>`,
      ),
    });
  });
  after(() => fixture?.close());

  test('before it is opened it is a button of at most 12 KB', async (t) => {
    fixture.server.requests.length = 0;
    const page = await fixture.visit(t, '/real.html');
    await part(page, '.launcher');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const loaded = fixture.server.requests
      .map(({ path }) => path)
      .filter((path) => path.startsWith('/linnet/') || path.endsWith('.gguf'));
    assert.deepEqual(loaded, ['/linnet/element.js']);
    const size = sizeOf('element.js');
    t.diagnostic(
      `element.js: ${size} bytes, brotli; after the button ${sizeOf('element/view.js') + sizeOf('markdown.js')}`,
    );
    assert.ok(size <= 12_000, `${size} bytes`);
  });

  test('when opened, it asks before it downloads, and names the size', async (t) => {
    fixture.server.requests.length = 0;
    const page = await fixture.visit(t, '/real.html');
    await page.click(inChat('.launcher'));
    const text = await part(page, '[data-state=consent]').then((node) => node.evaluate((node) => node.textContent));
    assert.match(text ?? '', new RegExp(`SmolLM2 135M Instruct .* \\(${(MODEL_BYTES / 1e6).toFixed(1)} MB\\)\\.`));
    const fetched = fixture.server.requests.filter(({ path }) => /\.(wasm|gguf)$|worker/.test(path));
    assert.deepEqual(fetched, []);
  });

  test('after the person agrees, a real model answers; a reload asks no more', { skip: noModel }, async (t) => {
    const page = await fixture.visit(t, '/real.html');
    await page.click(inChat('.launcher'));
    await (await part(page, '.accept')).click();
    await ask(page, 'What is the capital of France?');
    assert.match(await bodyText(page), /Paris/);
    assert.match(await within(page, (root) => root.querySelector('.by').textContent), /On this device · \S/);
    await page.reload();
    await page.click(inChat('.launcher'));
    await part(page, '.by[data-by=device]');
    assert.equal(await within(page, (root) => root.querySelector('[data-state=consent]')), null);
  });

  test('two elements share one engine', { skip: noModel }, async (t) => {
    const context = await fixture.browser.createBrowserContext();
    t.after(() => context.close());
    const page = await openPage(/** @type {any} */ (context), `${fixture.server.origin}/two.html`);
    fixture.server.requests.length = 0;
    // Not by mouse: the first one grows when it opens, so the second one's button moves.
    for (const button of await page.$$('linnet-chat >>> .launcher'))
      await button.evaluate((button) => /** @type {HTMLElement} */ (button).click());
    await (await part(page, '.accept')).click();
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll('linnet-chat')].every((chat) =>
          chat.shadowRoot?.querySelector('.by[data-by=device]'),
        ),
      { timeout: 120_000 },
    );
    assert.equal(page.workers().filter((worker) => worker.url().endsWith('/worker.js')).length, 1);
    const starts = fixture.server.requests.filter(
      ({ path, range }) => path.endsWith('.gguf') && (!range || range.startsWith('bytes=0-')),
    );
    assert.equal(starts.length, 1);
    // Both may ask at the same time; the engine answers in order.
    const answers = await page.evaluate(async () => {
      const chats = /** @type {any[]} */ ([...document.querySelectorAll('linnet-chat')]);
      await Promise.all(chats.map((chat) => chat.ask('Say hello.')));
      return chats.map((chat) => chat.shadowRoot.querySelector('.answer .body').textContent.length);
    });
    assert.ok(
      answers.every((length) => length > 0),
      String(answers),
    );
    // One may be removed; the other still answers.
    const after = await page.evaluate(async () => {
      const [one, two] = /** @type {any[]} */ ([...document.querySelectorAll('linnet-chat')]);
      one.remove();
      await two.ask('And again.');
      return two.shadowRoot.querySelectorAll('.answer').length;
    });
    assert.equal(after, 2);
  });

  test('it can be used with the keyboard alone', async (t) => {
    const page = await fixture.visit(t, '/button.html');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await part(page, '.input:focus');
    await page.keyboard.type('Hello');
    await page.keyboard.press('Enter');
    await answered(page);
    assert.match(await bodyText(page), /You said: Hello/);
    const said = await within(page, (root) => root.querySelector('[aria-live=polite]').textContent);
    assert.match(said, /You said: Hello/);
    // Backwards from the composer: answer again, copy, the log, new conversation, close.
    const names = [];
    for (let i = 0; i < 5; i++) {
      await page.keyboard.down('Shift');
      await page.keyboard.press('Tab');
      await page.keyboard.up('Shift');
      names.push(await within(page, (root) => root.activeElement?.getAttribute('aria-label')));
    }
    assert.deepEqual(names, ['Answer again', 'Copy', 'Conversation', 'Close chat', 'New conversation']);
    await page.keyboard.press('Escape');
    assert.equal(await within(page, (root) => root.activeElement?.className), 'launcher');
    assert.equal(await page.$eval('linnet-chat', (chat) => chat.hasAttribute('open')), false);
  });

  test('stop, answer again and new conversation work and fire their events', async (t) => {
    const page = await fixture.visit(t, '/button.html');
    await page.click(inChat('.launcher'));
    await page.evaluate(() =>
      Object.assign(window, { pause: 20, pieces: () => Array.from({ length: 500 }, (_, i) => `word${i} `) }),
    );
    await (await part(page, '.input')).type('Go');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() =>
      /word5/.test(document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent ?? ''),
    );
    await page.click(inChat('.stop'));
    await answered(page);
    assert.match(await within(page, (root) => root.querySelector('.answer .meta').textContent), /Stopped/);
    await page.evaluate(() => Object.assign(window, { pause: 0, pieces: () => ['Second.'] }));
    await page.click(inChat('[aria-label="Answer again"]'));
    await page.waitForFunction(
      () => document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent === 'Second.',
    );
    await answered(page);
    // A repeated answer is in the conversation only once.
    assert.deepEqual(
      await page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1).map(({ content }) => content)),
      ['Go'],
    );
    await page.click(inChat('[aria-label="New conversation"]'));
    assert.equal(await within(page, (root) => root.querySelectorAll('.message').length), 0);
    assert.equal(await within(page, (root) => root.querySelector('.suggestions').hidden), false);
    await page.click(inChat('[aria-label="Close chat"]'));
    const events = await page.evaluate(() =>
      /** @type {any} */ (globalThis).events.map(({ name, finishReason }) => finishReason ?? name),
    );
    assert.deepEqual(events, ['ready', 'open', 'question', 'stopped', 'stop', 'clear', 'close']);
  });

  test('the site’s context and the conversation stay within the model’s context', async (t) => {
    const page = await fixture.visit(t, '/context.html');
    await page.evaluate(() =>
      Object.assign(window, { contextLength: 1000, pieces: () => ['An answer of some length. '.repeat(8)] }),
    );
    await page.click(inChat('.launcher'));
    for (let i = 0; i < 8; i++) await ask(page, `Question ${i}: ${'why '.repeat(20)}`);
    const asked = await page.evaluate(() => /** @type {any} */ (globalThis).asked);
    const last = asked.at(-1);
    assert.match(last[0].content, /^Be brief\.\n\nWe sell bread\./);
    assert.match(last.at(-1).content, /^Question 7/);
    const sizes = asked.map((messages) => messages.reduce((sum, { content }) => sum + content.length, 0));
    // Two characters are one token here, and half of the context is for the answer.
    assert.ok(Math.max(...sizes.slice(1)) <= 1000, String(sizes));
    assert.ok(
      last.length > 3 && !last.some(({ content }) => content.startsWith('Question 0')),
      'the oldest are left out',
    );
    assert.equal(asked.length, 8, 'after the first answer the length of a token is known');
  });

  test('the page’s own engine keeps its policy, except for what attributes set', async (t) => {
    for (const [path, expected] of /** @type {const} */ ([
      ['/inline.html', {}],
      ['/policy.html', { when_hidden: 'pause', pace: 'gentle' }],
    ])) {
      const page = await fixture.visit(t, path);
      await page.click(inChat('.launcher'));
      await ask(page, 'Hello');
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).policies), [expected], path);
    }
  });

  test('an engine that the chat loads keeps the screen on, spares the battery, and follows when-hidden', async (t) => {
    const ways = [
      { path: '/loaded.html', pace: 'auto', held: [] },
      { path: '/patient.html', pace: 'full', held: [true, false] },
    ];
    for (const { path, pace, held } of ways) {
      const page = await fixture.browser.newPage();
      t.after(() => page.close());
      await page.evaluateOnNewDocument(fakeWorker);
      await page.evaluateOnNewDocument(() => {
        // An answer counts as long after 0.1 s here, and this machine has no battery for the test.
        const { setTimeout } = globalThis;
        const locks = /** @type {string[]} */ ([]);
        const request = async (kind) => {
          locks.push(kind);
          return { released: false, release: async () => void locks.push('released') };
        };
        Object.assign(globalThis, {
          locks,
          setTimeout: (run, ms, ...rest) => setTimeout(run, ms === 5000 ? 100 : ms, ...rest),
        });
        Object.defineProperties(navigator, { wakeLock: { value: { request } }, getBattery: { value: undefined } });
      });
      await page.goto(fixture.server.origin + path);
      await page.bringToFront();
      await page.click(inChat('.launcher'));
      await (await part(page, '.accept')).click();
      await part(page, '.by[data-by=device]');
      await page.evaluate(() =>
        Object.assign(globalThis, { pause: 20, pieces: () => Array.from({ length: 2000 }, () => 'on ') }),
      );
      await (await part(page, '.input')).type('Go');
      await page.keyboard.press('Enter');
      await page.waitForFunction(() => /** @type {any} */ (globalThis).locks.length > 0, { polling: 20 });
      const other = await fixture.browser.newPage();
      await other.bringToFront();
      await page.waitForFunction(() => document.visibilityState === 'hidden', { polling: 20 });
      await page.bringToFront();
      await page.waitForFunction(() => document.visibilityState === 'visible', { polling: 20 });
      await other.close();
      await page.click(inChat('.stop'));
      await answered(page);
      const [told, locks] = await page.evaluate(() => {
        const { told, locks } = /** @type {any} */ (globalThis);
        return [told, locks];
      });
      assert.equal(told.find(({ type }) => type === 'generate').pace, pace);
      assert.deepEqual(
        told.filter(({ type }) => type === 'steer').map(({ hold }) => hold),
        held,
        path,
      );
      assert.deepEqual([locks[0], locks.at(-1)], ['screen', 'released']);
    }
  });

  test('axe finds nothing, closed and open, light and dark', async (t) => {
    for (const scheme of ['light', 'dark']) {
      for (const path of ['/button.html', '/inline.html', '/real.html']) {
        const page = await fixture.visit(t, path);
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
        await part(page, '.launcher');
        const judge = async (when) => assert.deepEqual(await violations(page), [], `${scheme} ${path} ${when}`);
        await judge('closed');
        await page.click(inChat('.launcher'));
        await part(page, '.composer');
        await judge('open');
        if (path === '/real.html') continue;
        const text =
          '## Kinds\n\n- [rye](https://a.example)\n- `spelt`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\n' +
          'let a;\n```\n\n> quoted';
        await page.evaluate((text) => Object.assign(window, { pieces: () => [text] }), text);
        await ask(page, 'What do you have?');
        await judge('answered');
      }
    }
  });

  test('on a phone it fills the screen, and right-to-left it is mirrored', async (t) => {
    const page = await fixture.visit(t, '/button.html', { width: 360, height: 640, hasTouch: true, isMobile: true });
    await page.tap(inChat('.launcher'));
    await part(page, '.suggestion');
    await page.tap(inChat('.suggestion'));
    await answered(page);
    const [panel, small] = await within(page, (root) => {
      const { x, y, width, height } = root.querySelector('.panel').getBoundingClientRect();
      const targets = [...root.querySelectorAll('.panel button')].filter((node) => node.checkVisibility());
      const small = targets.filter(
        (node) => node.getBoundingClientRect().height < 44 || node.getBoundingClientRect().right > innerWidth,
      );
      return [[x, y, width, height].map(Math.round), small.map((node) => node.outerHTML)];
    });
    assert.deepEqual(panel, [0, 0, 360, 640]);
    assert.deepEqual(small, []);

    const other = await fixture.visit(t, '/rtl.html', { width: 360, height: 640 });
    await other.click(inChat('.launcher'));
    await part(other, '.input');
    await ask(other, 'مرحبا');
    const [question, panelBox, wide] = await within(other, (root) => {
      const box = (selector) => root.querySelector(selector).getBoundingClientRect();
      return [box('.question .text').left, box('.panel').left, document.documentElement.scrollWidth > innerWidth];
    });
    assert.ok(question - panelBox < 60, 'the question is aligned to the end of the line');
    assert.equal(wide, false);
  });
});
