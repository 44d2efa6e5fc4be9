// The demo site's chats: stored, opened again, saved as files, and shared between tabs. With a fake model.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { ask, engineState, press } from '../../support/harness.mjs';
import { converse, lastRequest, openMenu, say, shownAnswers, startSite, visitSite } from '../../support/site.mjs';

/** The script of a duplicated tab: its session storage has the chat that the first tab shows. */
const twinOf = (id) => `sessionStorage.getItem('linnet-shown') ??
  sessionStorage.setItem('linnet-shown', ${JSON.stringify(id)})`;

/** How many exchanges of the only chat are stored. */
const STORED = `new Promise((resolve) => {
  indexedDB.open('linnet-chats').onsuccess = ({ target }) => {
    const chats = target.result.transaction('chats').objectStore('chats').getAll();
    chats.onsuccess = () => resolve(chats.result[0].exchanges.length);
  };
})`;

/** The text of the notice, once it contains these words. */
const noticed = async (page, words) => {
  const shown = (words) => {
    const text = document.querySelector('#notice:not([hidden]) p')?.textContent ?? '';
    return text.includes(words) && text;
  };
  return (await page.waitForFunction(shown, {}, words)).jsonValue();
};

async function loadAnother(page) {
  await page.click('#model-button');
  await page.click('[value="qwen3-0.6b"]');
  await press(page, 'Load');
  await engineState(page, 'ready');
}

describe('the chats of the site', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  /** Opens a page of the site on its own origin. */
  async function open(t) {
    const server = await startSite(t);
    return { server, page: await visitSite(t, browser, server) };
  }
  const visit = async (t, server) => ({ page: await visitSite(t, browser, server) });
  const titles = (page) => page.$$eval('#chats .open', (nodes) => nodes.map((node) => node.firstChild?.textContent));
  const last = lastRequest;
  const answers = shownAnswers;

  test('the menu lists chats, newest first; a chat can be continued at the next visit, and deleted', async (t) => {
    const { server, page } = await open(t);
    await converse(page, 'What do birds eat?');
    await press(page, 'New chat');
    await converse(page, 'Where do they sleep?');

    const next = (await visit(t, server)).page;
    assert.deepEqual(await answers(next), [], 'a new tab starts with an empty chat');
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
      'the continued chat is the newest',
    );
    await press(next, 'Delete “What do birds eat?”');
    await next.waitForFunction(() => document.querySelectorAll('#chats .open').length === 1);
    assert.deepEqual(await answers(next), [], 'the deleted chat was the one shown');
    await next.reload();
    await engineState(next, 'ready');
    await openMenu(next);
    assert.deepEqual(await titles(next), ['Where do they sleep?']);
  });

  test('opening another chat stops the answer and keeps what has been written', async (t) => {
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
    assert.deepEqual(await answers(page), ['You said: First'], 'text that arrived late is not shown');
    await openMenu(page);
    assert.deepEqual(await titles(page), ['Second', 'First']);
    await (await page.$$('#chats .open'))[0].click();
    assert.match((await answers(page))[0] ?? '', /^word0 word1 .*word5/);
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
    [', without Web Locks', [() => Object.defineProperty(navigator, 'locks', { value: undefined })]],
  ])) {
    test(`two tabs with the same chat do not overwrite each other${what}`, async (t) => {
      const server = await startSite(t);
      const first = await visitSite(t, browser, server, { scripts });
      await converse(first, 'What do birds eat?');
      const id = await first.evaluate(async () => {
        // It is stored a moment after the answer ends.
        for (;;) {
          const id = sessionStorage.getItem('linnet-shown');
          if (id) return id;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });
      const second = await visitSite(t, browser, server, { scripts: [...scripts, twinOf(id)] });
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
      // Without locks the conflict shows when the chat is stored.
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
      // After a reload each tab continues its own chat, and there are no others.
      await second.reload();
      await second.waitForFunction(() => document.querySelectorAll('.assistant').length === 3);
      await second.bringToFront();
      await converse(second, 'Really?');
      assert.deepEqual((await stored()).sort(), [mine, `${copy} Really?`].sort());
    });
  }

  test('a tab takes over a chat, with all that was written, when the other tab with it is closed', async (t) => {
    const server = await startSite(t);
    const first = await visitSite(t, browser, server);
    await converse(first, 'What do birds eat?');
    const id = await (await first.waitForFunction(() => sessionStorage.getItem('linnet-shown'))).jsonValue();
    const second = await visitSite(t, browser, server, { scripts: [twinOf(id)] });
    const notice = (text) =>
      second.waitForFunction(
        (text) => document.querySelector('#notice:not([hidden])')?.textContent?.includes(text),
        {},
        text,
      );
    await notice('also open in another tab');
    await first.bringToFront();
    await converse(first, 'And in winter?');
    // The tab is closed once the exchange is stored.
    while ((await first.evaluate(STORED)) !== 2) await new Promise((resolve) => setTimeout(resolve, 50));
    await first.close();
    await second.bringToFront();
    await notice('The other tab no longer has this chat open');
    assert.equal((await shownAnswers(second)).length, 2, 'the exchange of the other tab is shown');
    await converse(second, 'Where do they sleep?');
    await openMenu(second);
    assert.equal((await titles(second)).length, 1, 'it is still one chat');
    await second.reload();
    await second.waitForFunction(() => document.querySelectorAll('.assistant').length === 3);
  });

  test('after another model is loaded, a notice says where the chat is and opens it again', async (t) => {
    const { page } = await open(t);
    await converse(page, 'What do birds eat?');
    await loadAnother(page);
    assert.match(await noticed(page, 'A new chat'), /Your chat is saved.*menu.*A new chat starts with Qwen3 0\.6B/);
    assert.deepEqual(await answers(page), []);
    await press(page, 'Go back to it');
    await page.waitForSelector('.assistant');
    assert.deepEqual(await answers(page), ['You said: What do birds eat?']);
    assert.equal(await page.$eval('#notice', (node) => /** @type {HTMLElement} */ (node).hidden), true);
  });

  test('loading another model does not lose the chat where nothing can be stored', async (t) => {
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
    await loadAnother(page);
    assert.deepEqual(await answers(page), ['You said: What do birds eat?']);
  });

  test('a chat is stored again after the site’s data were cleared', async (t) => {
    const { server, page } = await open(t);
    await converse(page, 'What do birds eat?');
    await page.waitForFunction(`(${STORED}).then((count) => count === 1)`);
    const client = await page.createCDPSession();
    await client.send('Storage.clearDataForOrigin', { origin: server.origin, storageTypes: 'all' });
    await loadAnother(page);
    assert.match(await noticed(page, 'A new chat'), /Your chat is saved/);
    const next = (await visit(t, server)).page;
    await openMenu(next);
    assert.deepEqual(await titles(next), ['What do birds eat?']);
  });

  test('a chat that cannot be stored is not called saved, and stays until the tab is closed', async (t) => {
    const refuse = () => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException('full', 'QuotaExceededError');
      };
    };
    const page = await visitSite(t, browser, await startSite(t), { scripts: [refuse] });
    for (const question of ['What do birds eat?', 'And in winter?', 'Where do they sleep?']) {
      await converse(page, question);
      assert.match(await noticed(page, 'not saved'), /there is no space left/);
      await press(page, 'OK');
    }
    await loadAnother(page);
    assert.match(await noticed(page, 'A new chat'), /Your last chat is not saved: there is no space left/);
    await openMenu(page);
    assert.match(await page.$eval('#chats .about', (node) => node.textContent ?? ''), /not saved/);
    await press(page, 'Close');
    await press(page, 'Go back to it');
    await page.waitForSelector('.assistant');
    assert.equal((await answers(page)).length, 3);
  });
});
