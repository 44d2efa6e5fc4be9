// Links to the demo site: a model on another host, for which the page asks first, and invalid options.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { ask, engineState, openPage, press, startServer, talkingTiny } from '../../support/harness.mjs';
import { shownAnswers, startSite, visitSite } from '../../support/site.mjs';

describe('links to the site', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  const noticeText = (page) => page.$eval('#notice:not([hidden]) p', (node) => node.textContent ?? '');
  const told = (page) =>
    page.evaluate(() => /** @type {any} */ (globalThis).told.filter(({ type }) => type === 'load'));

  /** The site, and another host with a model. */
  async function hosts(t) {
    const tiny = talkingTiny();
    const other = await startServer({ cors: 'ranges', files: { '/bird.gguf': tiny } });
    t.after(() => other.close());
    const site = await startSite(t, { csp: undefined });
    const model = `${other.origin}/bird.gguf`;
    return {
      other,
      site,
      model,
      path: `/some/where/?model=${encodeURIComponent(model)}&backend=cpu`,
      size: `${(tiny.length / 1e6).toFixed(1)} MB`,
    };
  }

  test('the page asks before it loads a model from another host, with name, host and size', async (t) => {
    const { other, site, model, path, size } = await hosts(t);
    const page = await visitSite(t, browser, site, { path, state: 'paused', viewport: { width: 360, height: 640 } });
    await page.waitForFunction((size) => document.querySelector('#notice-text')?.textContent?.includes(size), {}, size);
    assert.equal(
      await noticeText(page),
      `This link loads a model from another host: bird from ${new URL(other.origin).host}, ${size}. ` +
        'Download it into this browser?',
    );
    assert.deepEqual(
      other.requests.map(({ method }) => method),
      ['HEAD'],
    );
    assert.deepEqual(await violations(page), []);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    // Sending a message does not answer that question.
    await ask(page, 'Hello?');
    await page.waitForSelector('.assistant');
    await page.keyboard.press('Escape');
    assert.match(await noticeText(page), /Download it/);
    assert.deepEqual(await told(page), []);
    await press(page, 'Download');
    await engineState(page, 'ready');
    assert.deepEqual(await shownAnswers(page), ['You said: Hello?']);
    const [load] = await told(page);
    assert.equal(load.model[0].urls[0], model);
    assert.equal(await page.$eval('#notice', (node) => /** @type {HTMLElement} */ (node).hidden), true);
  });

  test('other notices are shown with the question', async (t) => {
    const { site, path } = await hosts(t);
    // Two tabs of one chat, like a duplicated tab.
    const first = await visitSite(t, browser, site);
    await ask(first, 'Hello?');
    const id = await (await first.waitForFunction(() => sessionStorage.getItem('linnet-shown'))).jsonValue();
    const twin = `sessionStorage.setItem('linnet-shown', ${JSON.stringify(id)})`;
    const page = await visitSite(t, browser, site, { path, state: 'paused', scripts: [twin] });
    await page.waitForFunction(() =>
      /also open in another tab.*Download it/.test(document.querySelector('#notice-text')?.textContent ?? ''),
    );
    await press(page, 'Download');
    await engineState(page, 'ready');
    assert.equal(await page.$eval('#notice', (node) => /** @type {HTMLElement} */ (node).hidden), true);
  });

  test('the size is read by HEAD or one byte, and omitted if the host does not send it', async (t) => {
    const { other, site, path, size } = await hosts(t);
    other.faults.set('/bird.gguf', { status: 403, method: 'HEAD' });
    const page = await visitSite(t, browser, site, { path, state: 'paused' });
    await page.waitForFunction((size) => document.querySelector('#notice-text')?.textContent?.includes(size), {}, size);
    assert.deepEqual(
      other.requests.map(({ method, range }) => [method, range]),
      [
        ['HEAD', undefined],
        ['GET', 'bytes=0-0'],
      ],
    );
    await other.close();
    await page.reload();
    await page.waitForFunction(() =>
      /, size unknown\./.test(document.querySelector('#notice-text')?.textContent ?? ''),
    );
    await press(page, 'Use SmolLM2 135M Instruct');
    await engineState(page, 'ready');
    assert.equal(new URL(page.url()).searchParams.get('model'), null);
    assert.equal((await told(page)).length, 1);
  });

  test('a stored model is not asked about again', async (t) => {
    const { other, site, path } = await hosts(t);
    const page = await openPage(browser, site.origin + path);
    t.after(() => page.close());
    await engineState(page, 'paused');
    await press(page, 'Download');
    await engineState(page, 'ready');
    other.requests.length = 0;
    await page.reload();
    await engineState(page, 'ready');
    assert.deepEqual(other.requests, []);
  });

  test('the other pages name another host before they load from it', async (t) => {
    const { other, site, path, size } = await hosts(t);
    for (const name of ['bench', 'diagnostics', 'keyboard']) {
      const page = await openPage(browser, site.origin + path.replace('/?', `/${name}.html?`));
      await page.waitForFunction(
        (text) => document.querySelector('#status')?.textContent?.includes(text),
        {},
        `bird from ${new URL(other.origin).host}, ${size}. It stays in this browser.`,
      );
      await page.close();
    }
    assert.deepEqual(new Set(other.requests.map(({ method }) => method)), new Set(['HEAD']));
  });

  test('invalid options are ignored and named', async (t) => {
    const server = await startSite(t);
    const path = '/some/where/?model=smollm3&backend=foo&threads=abc&context=-1&pace=&temperature=hot&max=0.5';
    const page = await visitSite(t, browser, server, { path });
    const text = await noticeText(page);
    for (const option of [
      'model=smollm3',
      'backend=foo',
      'threads=abc',
      'context=-1',
      'pace=',
      'temperature=hot',
      'max=0.5',
    ])
      assert.ok(text.includes(`“${option}”`), `${option}: ${text}`);
    assert.match(text, /“backend=foo” in the address of this page is ignored: it can be auto, webgpu or cpu\./);
    const [load] = await told(page);
    assert.deepEqual([load.backend, load.threads, load.contextLength], ['auto', undefined, undefined]);
    assert.match(load.model[0].urls[0], /SmolLM2-135M/);
    await ask(page, 'Hi');
    assert.deepEqual(await shownAnswers(page), ['You said: Hi']);
    const { temperature, max_tokens } = await page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1));
    assert.deepEqual([temperature, max_tokens], [0.2, 1024]);
    // Text of an address cannot reorder the words around it, and unusable schemes are rejected.
    await page.goto(`${server.origin}/some/where/?model=${encodeURIComponent('javascript:\u202egguf.')}&threads=4`);
    await engineState(page, 'ready');
    assert.equal(
      await noticeText(page),
      '“model=javascript:gguf.” in the address of this page is ignored: it is not the address of a model, ' +
        'so SmolLM2 135M Instruct is used.',
    );
    assert.equal((await told(page))[0].threads, 4);
    const bench = await openPage(browser, `${server.origin}/some/where/bench.html?backend=foo`);
    t.after(() => bench.close());
    assert.match(await bench.$eval('#status', (node) => node.textContent ?? ''), /“backend=foo” .* is ignored/);
  });

  test('a context that only the file rejects is ignored and named', async (t) => {
    const server = await startSite(t);
    const refuses = () => {
      /** @type {any} */ (globalThis).refusal = ({ contextLength }) =>
        contextLength && {
          code: 'invalid-request',
          message: `\`context_length\` is ${contextLength}; this model takes 1 to 2048`,
          details: { field: 'context_length' },
        };
    };
    const page = await visitSite(t, browser, server, {
      path: '/some/where/?model=/bird.gguf&context=4096',
      scripts: [refuses],
    });
    assert.equal(
      await noticeText(page),
      '“context=4096” in the address of this page is ignored: this model takes 1 to 2048.',
    );
    assert.deepEqual(
      (await told(page)).map(({ contextLength }) => contextLength),
      [4096, undefined],
    );
    assert.ok(!page.url().includes('context='), page.url());
    await ask(page, 'Hi');
    assert.deepEqual(await shownAnswers(page), ['You said: Hi']);
  });
});
