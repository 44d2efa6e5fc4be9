// The demo site's answers: reasoning, Markdown, hostile text, settings, and sending. With a fake model.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { HOSTILE } from '../../support/hostile.mjs';
import { ask, engineState, press } from '../../support/harness.mjs';
import { converse, lastRequest, openMenu, say, shownAnswers, startSite, visitSite } from '../../support/site.mjs';

const PHONE = { width: 360, height: 640, hasTouch: true, isMobile: true };
/** The elements that Markdown may become. */
const ELEMENTS = [
  ...['p', 'h3', 'ul', 'ol', 'li', 'a', 'strong', 'em', 'del', 'br', 'hr', 'code', 'pre', 'div', 'span', 'button'],
  ...['table', 'thead', 'tbody', 'tr', 'th', 'td', 'blockquote'],
];

describe('answers on the site', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  /** Opens a page of the site on its own origin. @param {import("puppeteer-core").Viewport} [viewport] */
  async function open(t, viewport) {
    const server = await startSite(t);
    return { server, page: await visitSite(t, browser, server, viewport ? { viewport } : {}) };
  }
  const visit = async (t, server) => ({ page: await visitSite(t, browser, server) });
  const last = lastRequest;
  const answers = shownAnswers;

  test('reasoning is shown apart from the answer, and is not sent to the model again', async (t) => {
    const { page } = await open(t);
    await page.evaluate(() => {
      const seen = new Set();
      Object.assign(globalThis, {
        seen,
        pause: 30,
        pieces: () => [
          { reasoning: '\nThe person ' },
          { reasoning: 'greets me.\n' },
          '\n\n',
          'Hello ',
          '<b>you</b>',
          '!',
        ],
      });
      const look = () =>
        seen.add(
          [
            document.querySelector('.reasoning summary')?.textContent,
            document.querySelector('.assistant .text')?.textContent,
          ].join('|'),
        );
      new MutationObserver(look).observe(/** @type {Node} */ (document.querySelector('#log')), {
        subtree: true,
        childList: true,
        characterData: true,
      });
    });
    await converse(page, 'Hi');
    assert.deepEqual(await answers(page), ['Hello <b>you</b>!']);
    assert.equal(await page.$eval('.reasoning-text', (node) => node.textContent), 'The person greets me.');
    assert.equal(await page.$eval('.reasoning', (node) => /** @type {HTMLDetailsElement} */ (node).open), false);
    const seen = await page.evaluate(() => [.../** @type {any} */ (globalThis).seen]);
    assert.ok(seen.includes('Thinking…|'), String(seen));
    assert.ok(!seen.some((text) => /\|.*(<t|<\/t|greets)/.test(text)), String(seen));
    assert.match(await page.$eval('.reasoning summary', (node) => node.textContent ?? ''), /^Thought for \d+ s$/);
    await say(page, 'Yes.');
    await converse(page, 'Sure?');
    assert.deepEqual(
      (await last(page)).messages.map(({ content }) => content),
      ['Hi', 'Hello <b>you</b>!', 'Sure?'],
    );
    assert.deepEqual((await answers(page))[1], 'Yes.');
  });

  test('Markdown is rendered while it arrives and when the chat is opened again', async (t) => {
    const { page } = await open(t);
    await say(
      page,
      '# Birds\n\nThey *do* ',
      'fly, see [here](https://birds.example/).\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\nfly',
      '();\n```\n',
    );
    await converse(page, 'Tell me');
    const shown = () =>
      page.$eval('.assistant .text', (root) => ({
        heading: root.querySelector('h3')?.textContent,
        emphasis: root.querySelector('em')?.textContent,
        items: [...root.querySelectorAll('li')].map((item) => item.textContent),
        cells: [...root.querySelectorAll('td')].map((cell) => cell.textContent),
        code: root.querySelector('pre')?.textContent,
        link: [root.querySelector('a')?.href, root.querySelector('a')?.rel, root.querySelector('a')?.target],
      }));
    const expected = {
      heading: 'Birds',
      emphasis: 'do',
      items: ['one', 'two'],
      cells: ['1', '2'],
      code: 'fly();',
      link: ['https://birds.example/', 'noopener noreferrer nofollow ugc', '_blank'],
    };
    assert.deepEqual(await shown(), expected);
    assert.match(
      await page.$eval('#announcer', (node) => node.textContent ?? ''),
      /^BirdsThey do fly/,
      'it is announced without Markdown characters',
    );
    await page.reload();
    await engineState(page, 'ready');
    await page.waitForSelector('.assistant pre');
    assert.deepEqual(await shown(), expected);
  });

  test('hostile text stays text: nothing runs, nothing loads, the layout holds', async (t) => {
    const { server, page } = await open(t, PHONE);
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      Object.assign(window, { ran: [], violations: [] });
      document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.blockedURI));
    });
    // The service worker fetches the files that it caches.
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    server.requests.length = 0;
    await page.evaluate(
      (text) => Object.assign(window, { pieces: () => text.match(/[^]{1,400}/g), pause: 1 }),
      HOSTILE,
    );
    await converse(page, '<img src=x onerror=ran.push(0)> \u202eab');
    const state = await page.evaluate((allowed) => {
      const window = /** @type {any} */ (globalThis);
      const root = /** @type {HTMLElement} */ (document.querySelector('.assistant .text'));
      const all = [...root.querySelectorAll('*')];
      return {
        ran: window.ran,
        violations: window.violations,
        links: [...root.querySelectorAll('a')].map((link) => link.href),
        strange: all.map((node) => node.localName).filter((name) => !allowed.includes(name)),
        attributes: all.flatMap((node) => node.getAttributeNames()).filter((name) => /^on|^style$|^src/.test(name)),
        wide: document.documentElement.scrollWidth > innerWidth || root.getBoundingClientRect().right > innerWidth,
        turned: /[\u202a-\u202e]/.test(root.textContent ?? ''),
        code: root.querySelector('pre:last-of-type') !== null,
      };
    }, ELEMENTS);
    assert.deepEqual(state, {
      ran: [],
      violations: [],
      links: ['https://evil.example/i.png'],
      strange: [],
      attributes: [],
      wide: false,
      turned: false,
      code: true,
    });
    assert.deepEqual(
      server.requests.filter(({ path }) => !path.endsWith('.wasm')),
      [],
      'the service worker caches that one',
    );
    await say(page, 'Fine.');
    await converse(page, 'Still there?');
    assert.equal((await answers(page))[1], 'Fine.');
  });

  test('the settings are sent with each request, and kept', async (t) => {
    const { server, page } = await open(t);
    await openMenu(page);
    await press(page, 'How it answers');
    await page.type('#settings-system', 'You are a pirate.');
    await page.$eval('#settings-temperature', (node) => {
      Object.assign(node, { value: '0.7' });
      node.dispatchEvent(new Event('input', { bubbles: true }));
    });
    assert.equal(await page.$eval('#settings-temperature + output', (node) => node.textContent), '0.7');
    await page.$eval('#settings-max', (node) => Object.assign(node, { value: '64' }));
    await press(page, 'Save');
    await page.keyboard.press('Escape');
    await converse(page, 'Who are you?');
    const told = { temperature: 0.7, top_p: 0.9, repetition_penalty: 1.1, max_tokens: 64 };
    const check = async (page) => {
      const request = await last(page);
      assert.deepEqual(request.messages[0], { role: 'system', content: 'You are a pirate.' });
      assert.deepEqual(Object.fromEntries(Object.keys(told).map((name) => [name, request[name]])), told);
    };
    await check(page);
    const next = (await visit(t, server)).page;
    await converse(next, 'Still?');
    await check(next);
  });

  test('the sampling that the model’s makers recommend applies until the person changes it', async (t) => {
    const { server, page } = await open(t);
    const chosen = async () => {
      const { temperature, top_p, top_k, min_p } = await last(page);
      return { temperature, top_p, top_k, min_p };
    };
    await converse(page, 'Hi');
    assert.deepEqual(await chosen(), { temperature: 0.2, top_p: 0.9, top_k: undefined, min_p: undefined });
    await page.goto(`${server.origin}/some/where/?model=qwen3-0.6b`);
    await engineState(page, 'ready');
    await converse(page, 'Hi');
    assert.deepEqual(await chosen(), { temperature: 0.6, top_p: 0.95, top_k: 20, min_p: 0 });
    await openMenu(page);
    await press(page, 'How it answers');
    assert.equal(
      await page.$eval('#settings-temperature', (node) => /** @type {HTMLInputElement} */ (node).value),
      '0.6',
    );
    await page.$eval('#settings-temperature', (node) => Object.assign(node, { value: '1.2' }));
    await press(page, 'Save');
    await page.keyboard.press('Escape');
    await converse(page, 'And now?');
    assert.deepEqual(await chosen(), { temperature: 1.2, top_p: 0.95, top_k: 20, min_p: 0 });
  });

  test('Enter that confirms an input method’s text sends nothing, even if only its key code says so', async (t) => {
    const { page } = await open(t);
    await page.type('#prompt', 'nihon');
    const sent = await page.evaluate(() => {
      const box = /** @type {HTMLElement} */ (document.querySelector('#prompt'));
      const enter = (how) =>
        box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...how }));
      return [enter({ keyCode: 229 }), enter({ isComposing: true })].map((untouched) => [
        untouched,
        document.querySelectorAll('.message').length,
      ]);
    });
    assert.deepEqual(sent, [
      [true, 0],
      [true, 0],
    ]);
    await page.keyboard.press('Enter');
    assert.deepEqual(await answers(page), ['You said: nihon']);
  });

  test('Enter during an answer explains why nothing is sent, and keeps the text', async (t) => {
    const { page } = await open(t);
    await page.evaluate(() =>
      Object.assign(globalThis, { pause: 20, pieces: () => Array.from({ length: 500 }, (_, i) => `word${i} `) }),
    );
    await ask(page, 'First');
    await page.waitForFunction(() => /word5/.test(document.querySelector('.assistant .text')?.textContent ?? ''));
    const hint = () => page.$eval('#composer-hint[role=status]', (node) => node.textContent);
    assert.equal(await hint(), '');
    await ask(page, 'Second');
    assert.match((await hint()) ?? '', /still answering.*stop it/);
    assert.equal(await page.$eval('#prompt', (node) => /** @type {HTMLTextAreaElement} */ (node).value), 'Second');
    await press(page, 'Stop');
    await page.waitForSelector('#send:not([hidden])');
    assert.equal(await hint(), '');
    await say(page, 'Yes.');
    await page.focus('#prompt');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.assistant:not(.writing)').length === 2);
    assert.equal((await answers(page))[1], 'Yes.');
  });

  test('on a small phone, light and dark: axe finds nothing, and everything is in reach', async (t) => {
    const { page } = await open(t, PHONE);
    await say(page, { reasoning: 'A short answer will do.' }, 'Yes.');
    await converse(page, 'Is averyveryveryverylongwordwithoutanyspacesinit aword? '.repeat(3));
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      for (const path of [[], ['#menu-button'], ['#menu-button', '#settings-button']]) {
        for (const selector of path) {
          await page.waitForSelector(selector, { visible: true });
          await page.tap(selector);
        }
        if (path.length > 0) await page.waitForSelector('dialog[open]');
        const where = `${value} ${path}`;
        assert.deepEqual(await violations(page), [], where);
        const out = await page.evaluate(() => {
          // The label of a box is pressed, too.
          const targets = [...document.querySelectorAll('button, input:not([type=checkbox]), label, textarea')].filter(
            (node) => node.checkVisibility() && !node.matches('.field'),
          );
          const small = targets.filter(
            (node) =>
              /** @type {any} */ (node).type !== 'range' &&
              (node.getBoundingClientRect().height < 36 || node.getBoundingClientRect().right > innerWidth),
          );
          return [document.documentElement.scrollWidth > innerWidth, small.map((node) => node.outerHTML)];
        });
        assert.deepEqual(out, [false, []], where);
        for (let i = 0; i < path.length; i++) await page.keyboard.press('Escape');
      }
    }
  });
});
