// The demo site's chats: kept, brought back, saved as files; how the model is to answer; reasoning apart. With a
// made-up model.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { HOSTILE } from '../../support/hostile.mjs';
import { ask, engineState, press } from '../../support/harness.mjs';
import { converse, lastRequest, openMenu, say, shownAnswers, startSite, visitSite } from '../../support/site.mjs';

const PHONE = { width: 360, height: 640, hasTouch: true, isMobile: true };

describe('the chats of the site', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  /** @param {import("puppeteer-core").Viewport} [viewport] */
  async function open(t, viewport) {
    const server = await startSite(t);
    return { server, page: await visitSite(t, browser, server, viewport ? { viewport } : {}) };
  }
  const visit = async (t, server) => ({ page: await visitSite(t, browser, server) });
  const titles = (page) => page.$$eval('#chats .open', (nodes) => nodes.map((node) => node.firstChild?.textContent));
  const last = lastRequest;
  const answers = shownAnswers;

  test('they are listed, newest first, can be gone on with at another visit, and deleted', async (t) => {
    const { server, page } = await open(t);
    await converse(page, 'What do birds eat?');
    await press(page, 'New chat');
    await converse(page, 'Where do they sleep?');

    const next = (await visit(t, server)).page;
    assert.deepEqual(await answers(next), [], 'a new tab begins anew');
    await openMenu(next);
    assert.deepEqual(await titles(next), ['Where do they sleep?', 'What do birds eat?']);
    await (await next.$$('#chats .open'))[1].click();
    assert.deepEqual(await answers(next), ['You said: What do birds eat?']);
    await converse(next, 'And fish?');
    assert.deepEqual(
      (await last(next)).messages.map(({ content }) => content),
      ['What do birds eat?', 'You said: What do birds eat?', 'And fish?'],
    );

    await next.reload();
    await engineState(next, 'ready');
    await next.waitForFunction(() => document.querySelectorAll('.assistant').length === 2);
    await openMenu(next);
    assert.deepEqual(
      await titles(next),
      ['What do birds eat?', 'Where do they sleep?'],
      'the one that was gone on with is the newest',
    );
    await press(next, 'Delete “What do birds eat?”');
    await next.waitForFunction(() => document.querySelectorAll('#chats .open').length === 1);
    assert.deepEqual(await answers(next), [], 'it was the one that was shown');
    await next.reload();
    await engineState(next, 'ready');
    await openMenu(next);
    assert.deepEqual(await titles(next), ['Where do they sleep?']);
  });

  test('an answer that is stopped by looking at another chat is kept as far as it came', async (t) => {
    const { page } = await open(t);
    await converse(page, 'First');
    await press(page, 'New chat');
    await page.evaluate(() =>
      Object.assign(globalThis, { pause: 20, pieces: () => Array.from({ length: 500 }, (_, i) => `word${i} `) }),
    );
    await ask(page, 'Second');
    await page.waitForFunction(() => /word5/.test(document.querySelector('.assistant .text')?.textContent ?? ''));
    await openMenu(page);
    await (await page.$$('#chats .open'))[1].click();
    assert.deepEqual(await answers(page), ['You said: First']);
    await page.waitForSelector('#send:not([hidden])');
    assert.deepEqual(await answers(page), ['You said: First'], 'what came late went nowhere');
    await openMenu(page);
    assert.deepEqual(await titles(page), ['Second', 'First']);
    await (await page.$$('#chats .open'))[0].click();
    assert.match((await answers(page))[0] ?? '', /^word0 word1 .*word5/);
  });

  test('reasoning is shown apart as it comes, and is not sent to the model again', async (t) => {
    const { page } = await open(t);
    await page.evaluate(() => {
      const seen = new Set();
      Object.assign(globalThis, {
        seen,
        pause: 30,
        pieces: () => ['<th', 'ink>\nThe person ', 'greets me.\n</th', 'ink>\n\n', 'Hello ', '<b>you</b>', '!'],
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
    await say(page, 'thought without a beginning</think>Yes.');
    await converse(page, 'Sure?');
    assert.deepEqual(
      (await last(page)).messages.map(({ content }) => content),
      ['Hi', 'Hello <b>you</b>!', 'Sure?'],
    );
    assert.deepEqual((await answers(page))[1], 'Yes.');
  });

  test('Markdown is shown as what it means, while it comes and when it is brought back', async (t) => {
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
      'it is read without the signs',
    );
    await page.reload();
    await engineState(page, 'ready');
    await page.waitForSelector('.assistant pre');
    assert.deepEqual(await shown(), expected);
    // What a template opened as reasoning looks like the answer at first.
    await say(page, 'I *think*, ', 'so I am.</think>', '**Yes.**');
    await converse(page, 'And?');
    assert.equal(
      await page.$$eval('.assistant .text', (nodes) => nodes[1]?.innerHTML),
      '<p dir="auto"><strong>Yes.</strong></p>',
    );
  });

  test('hostile text is text: nothing runs, nothing loads, the layout holds', async (t) => {
    const { server, page } = await open(t, PHONE);
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      Object.assign(window, { ran: [], violations: [] });
      document.addEventListener('securitypolicyviolation', (event) => window.violations.push(event.blockedURI));
    });
    // It fetches what it keeps.
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    server.requests.length = 0;
    await page.evaluate(
      (text) => Object.assign(window, { pieces: () => text.match(/[^]{1,400}/g), pause: 1 }),
      HOSTILE,
    );
    await converse(page, '<img src=x onerror=ran.push(0)> \u202eab');
    const state = await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const root = /** @type {HTMLElement} */ (document.querySelector('.assistant .text'));
      const all = [...root.querySelectorAll('*')];
      return {
        ran: window.ran,
        violations: window.violations,
        links: [...root.querySelectorAll('a')].map((link) => link.href),
        strange: all
          .map((node) => node.localName)
          .filter(
            (name) =>
              !/^(p|h3|ul|ol|li|a|strong|em|del|br|hr|code|pre|div|span|button|table|thead|tbody|tr|th|td|blockquote)$/.test(
                name,
              ),
          ),
        attributes: all.flatMap((node) => node.getAttributeNames()).filter((name) => /^on|^style$|^src/.test(name)),
        wide: document.documentElement.scrollWidth > innerWidth || root.getBoundingClientRect().right > innerWidth,
        turned: /[\u202a-\u202e]/.test(root.textContent ?? ''),
        code: root.querySelector('pre:last-of-type') !== null,
      };
    });
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
      'the service worker keeps that one',
    );
    await say(page, 'Fine.');
    await converse(page, 'Still there?');
    assert.equal((await answers(page))[1], 'Fine.');
  });

  test('how it is to answer is told to the model, and kept', async (t) => {
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

  test('what nobody has set is as the model’s makers recommend', async (t) => {
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

  test('a chat can be saved as Markdown and as JSON', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'linnet-saved-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const { page } = await open(t);
    const client = await page.createCDPSession();
    await client.send('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath: folder,
      browserContextId: browser.defaultBrowserContext().id,
    });
    await say(page, '<think>Easy.</think>Blue.');
    await converse(page, 'What colour is the sky?');
    await openMenu(page);
    const saved = async (label, name) => {
      await press(page, label);
      for (let i = 0; i < 100 && !readdirSync(folder).includes(name); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      return readFileSync(join(folder, name), 'utf8');
    };
    const markdown = await saved('Save as Markdown', 'what-colour-is-the-sky.md');
    assert.match(
      markdown,
      /^# What colour is the sky\?\n[^]*## You\n\nWhat colour is the sky\?\n\n## Model\n\n> Easy\.\n\nBlue\.\n$/,
    );
    const { messages } = JSON.parse(await saved('Save as JSON', 'what-colour-is-the-sky.json'));
    assert.deepEqual(messages, [
      { role: 'user', content: 'What colour is the sky?' },
      { role: 'assistant', content: 'Blue.', reasoning_content: 'Easy.' },
    ]);
  });

  for (const [what, scripts] of /** @type {[string, (() => void)[]][]} */ ([
    ['', []],
    [', where the browser has no locks', [() => Object.defineProperty(navigator, 'locks', { value: undefined })]],
  ])) {
    test(`two tabs with one chat do not overwrite each other${what}`, async (t) => {
      const server = await startSite(t);
      const first = await visitSite(t, browser, server, { scripts });
      await converse(first, 'What do birds eat?');
      const id = await first.evaluate(async () => {
        // It is kept a moment after the answer's end.
        for (;;) {
          const id = sessionStorage.getItem('linnet-shown');
          if (id) return id;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      // A duplicated tab has the session storage of the first one.
      const twin = [
        ...scripts,
        `sessionStorage.getItem('linnet-shown') ?? sessionStorage.setItem('linnet-shown', ${JSON.stringify(id)})`,
      ];
      const second = await visitSite(t, browser, server, { scripts: twin });
      await second.waitForFunction(() => document.querySelectorAll('.assistant').length === 1);
      const opened = () =>
        second.waitForFunction(() =>
          /open in another tab/.test(document.querySelector('#notice:not([hidden])')?.textContent ?? ''),
        );
      if (scripts.length === 0) await opened();
      await first.bringToFront();
      await converse(first, 'And in winter?');
      await second.bringToFront();
      await converse(second, 'Where do they sleep?');
      // Without locks it is found out when it is stored.
      if (scripts.length > 0) await opened();
      await converse(second, 'All of them?');
      await first.bringToFront();
      await converse(first, 'And at night?');

      const stored = async () => {
        const page = await visitSite(t, browser, server);
        await openMenu(page);
        const all = [];
        for (let at = 0; at < (await titles(page)).length; at++) {
          await (await page.$$('#chats .open'))[at].click();
          await page.waitForFunction(() => !document.querySelector('#menu[open]'));
          await shownAnswers(page);
          all.push(
            await page.$$eval('.message.user .text', (nodes) => nodes.map((node) => node.textContent).join(' ')),
          );
          await openMenu(page);
        }
        await page.close();
        return all;
      };
      const mine = 'What do birds eat? And in winter? And at night?';
      const copy = 'What do birds eat? Where do they sleep? All of them?';
      assert.deepEqual((await stored()).sort(), [mine, copy].sort());
      // Each tab goes on with its own after a reload, and there are no more of them.
      await second.reload();
      await second.waitForFunction(() => document.querySelectorAll('.assistant').length === 3);
      await second.bringToFront();
      await converse(second, 'Really?');
      assert.deepEqual((await stored()).sort(), [mine, `${copy} Really?`].sort());
    });
  }

  test('a tab takes a chat over when the other tab that had it is closed, with what was written there', async (t) => {
    const server = await startSite(t);
    const first = await visitSite(t, browser, server);
    await converse(first, 'What do birds eat?');
    const id = await (await first.waitForFunction(() => sessionStorage.getItem('linnet-shown'))).jsonValue();
    const twin = `sessionStorage.getItem('linnet-shown') ?? sessionStorage.setItem('linnet-shown', ${JSON.stringify(id)})`;
    const second = await visitSite(t, browser, server, { scripts: [twin] });
    const notice = (text) =>
      second.waitForFunction(
        (text) => document.querySelector('#notice:not([hidden])')?.textContent?.includes(text),
        {},
        text,
      );
    await notice('also open in another tab');
    await first.bringToFront();
    await converse(first, 'And in winter?');
    // A tab is closed once what was written there is stored.
    const stored = async () =>
      (await first.evaluate(`new Promise((resolve) => {
      indexedDB.open('linnet-chats').onsuccess = ({ target }) => {
        target.result.transaction('chats').objectStore('chats').getAll().onsuccess = ({ target }) => resolve(target.result[0].exchanges.length);
      };
    })`)) === 2;
    while (!(await stored())) await new Promise((resolve) => setTimeout(resolve, 50));
    await first.close();
    await second.bringToFront();
    await notice('The other tab no longer has this chat open');
    assert.equal((await shownAnswers(second)).length, 2, 'what was written there is shown');
    await converse(second, 'Where do they sleep?');
    await openMenu(second);
    assert.equal((await titles(second)).length, 1, 'it is still one chat');
    await second.reload();
    await second.waitForFunction(() => document.querySelectorAll('.assistant').length === 3);
  });

  test('Enter that belongs to an input method sends nothing, also where only its key code says so', async (t) => {
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

  test('Enter while an answer is written says why nothing is sent, and keeps what is written', async (t) => {
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

  test('who loads another model is told where the chat went, and can go back to it', async (t) => {
    const { page } = await open(t);
    await converse(page, 'What do birds eat?');
    await page.click('#model-button');
    await page.click('[value="qwen3-0.6b"]');
    await press(page, 'Load');
    await engineState(page, 'ready');
    const text = await page.$eval('#notice:not([hidden]) p', (node) => node.textContent ?? '');
    assert.match(text, /Your chat is saved.*menu.*A new chat starts with Qwen3 0\.6B/);
    assert.deepEqual(await answers(page), []);
    await press(page, 'Go back to it');
    await page.waitForSelector('.assistant');
    assert.deepEqual(await answers(page), ['You said: What do birds eat?']);
    assert.equal(await page.$eval('#notice', (node) => /** @type {HTMLElement} */ (node).hidden), true);
  });

  test('who loads another model where nothing is kept does not lose the chat', async (t) => {
    const refuse = () =>
      Object.defineProperty(globalThis, 'indexedDB', {
        value: {
          open: () => {
            throw new Error('refused');
          },
        },
      });
    const page = await visitSite(t, browser, await startSite(t), { scripts: [refuse] });
    await converse(page, 'What do birds eat?');
    await page.click('#model-button');
    await page.click('[value="qwen3-0.6b"]');
    await press(page, 'Load');
    await engineState(page, 'ready');
    assert.deepEqual(await answers(page), ['You said: What do birds eat?']);
  });

  test('on a small phone, by day and by night: axe finds nothing, and everything is within reach', async (t) => {
    const { page } = await open(t, PHONE);
    await say(page, '<think>A short answer will do.</think>Yes.');
    await converse(page, 'Is averyveryveryverylongwordwithoutanyspacesinit aword? '.repeat(3));
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value },
        { name: 'prefers-reduced-motion', value: 'reduce' },
      ]);
      for (const path of [[], ['#menu-button'], ['#menu-button', '#settings-button']]) {
        for (const selector of path) {
          await page.waitForSelector(selector, { visible: true });
          await page.tap(selector);
        }
        if (path.length > 0) await page.waitForSelector('dialog[open]');
        const where = `${value} ${path}`;
        assert.deepEqual(await violations(page), [], where);
        const out = await page.evaluate(() => {
          const targets = [...document.querySelectorAll('button, input, textarea')].filter((node) =>
            node.checkVisibility(),
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
