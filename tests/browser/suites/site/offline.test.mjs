// The demo site as an app: it can be installed, and needs no network after the first visit.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { ask, engineState, noModel, openPage, siteFile, startServer, STRICT_CSP } from '../../support/harness.mjs';

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
    test(`after the first visit of ${folder} the chat and the other pages work offline`, async (t) => {
      const server = await startServer({ csp: STRICT_CSP });
      t.after(() => server.close());
      const first = await openPage(browser, `${server.origin}${folder}?backend=cpu&temperature=0&max=24`);
      await engineState(first, 'ready');
      await first.waitForFunction(`(${keptFiles})().then((files) => files.some((file) => file.endsWith('.wasm')))`, {
        timeout: 60_000,
      });
      const files = /** @type {string[]} */ (await first.evaluate(`(${keptFiles})()`));
      assert.equal(
        files.filter((file) => file.endsWith('.wasm')).length,
        1,
        'of four modules the one that this browser uses',
      );
      assert.ok(
        files.every((file) => file.startsWith(folder) && !file.endsWith('.gguf')),
        String(files),
      );
      const client = await first.createCDPSession();
      const { installabilityErrors } = await client.send('Page.getInstallabilityErrors');
      assert.deepEqual(
        installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito'),
        [],
      );
      await first.close();
      await server.close();

      const page = await openPage(browser, `${server.origin}${folder}?backend=cpu&temperature=0&max=24`);
      t.after(() => page.close());
      await engineState(page, 'ready');
      assert.match(
        await page.$eval('#stats', (node) => node.textContent ?? ''),
        /CPU, [2-9] threads/,
        'the isolation is kept, too',
      );
      await ask(page, 'What is the capital of France?');
      await page.waitForFunction(() => /Paris/.test(document.querySelector('.assistant .text')?.textContent ?? ''), {
        timeout: 120_000,
      });
      // Some hosts omit the extension.
      await page.goto(`${server.origin}${folder}bench`);
      await page.waitForSelector('#run');
      for (const name of ['bench', 'diagnostics', 'keyboard', 'embed']) {
        await page.goto(`${server.origin}${folder}${name}.html`);
        assert.equal(await page.$eval('nav [aria-current=page]', (node) => node.textContent?.toLowerCase()), name);
      }
      await page.waitForSelector('linnet-chat >>> .launcher');
    });
  }
});

describe('what the service worker caches', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
  /** Everything that is cached: each file with its hash. */
  const kept = async (page) => {
    const files = await page.evaluate(async () => {
      const names = (await caches.keys()).filter((name) => name.startsWith('linnet-site '));
      const found = [];
      for (const name of names) {
        const cache = await caches.open(name);
        for (const request of await cache.keys())
          found.push([new URL(request.url).pathname, (await (await cache.match(request))?.text()) ?? '']);
      }
      return found;
    });
    return new Map(
      files.filter(([path]) => !path.endsWith('.wasm')).map(([path, text]) => [path.slice(1), sha256(text)]),
    );
  };
  // The licences are added after the build, and no page loads them.
  const built = () =>
    readdirSync(siteFile(''), { recursive: true, withFileTypes: true })
      .filter(
        (entry) =>
          entry.isFile() && !['sw.js', 'THIRD-PARTY.txt'].includes(entry.name) && !entry.name.endsWith('.wasm'),
      )
      .map(({ parentPath, name }) => relative(siteFile(''), join(parentPath, name)))
      // Guides are cached when somebody reads them.
      .filter((path) => !path.startsWith('docs'));
  const script = () => `assets/${readdirSync(siteFile('assets')).find((name) => /^bench-.*\.js$/.test(name))}`;

  async function visit(t, server) {
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(fakeWorker);
    await page.goto(`${server.origin}/index.html`);
    return page;
  }

  for (const { what, ...fault } of [
    { what: 'a page with status 200', page: '<!doctype html><title>Sign in</title>' },
    { what: 'a part of it', truncateTo: 100 },
  ]) {
    test(`${what} instead of a script is not cached, and the next visit works`, async (t) => {
      const server = await startServer({ csp: STRICT_CSP });
      t.after(() => server.close());
      server.faults.set(`/${script()}`, fault);
      const page = await visit(t, server);
      const state = await page.evaluate(async () => {
        const registration = await navigator.serviceWorker.register('./sw.js');
        const worker = registration.installing;
        if (worker)
          await new Promise((resolve) =>
            worker.addEventListener(
              'statechange',
              () => /installed|redundant/.test(worker.state) && resolve(undefined),
            ),
          );
        return worker?.state;
      });
      assert.equal(state, 'redundant', 'a site with a wrong file is not cached');
      const about = async (/** @type {RegExp} */ wanted) => {
        const diagnostics = await openPage(browser, `${server.origin}/diagnostics.html`);
        const found = (source) => new RegExp(source).test(document.querySelector('#storage')?.textContent ?? '');
        await diagnostics.waitForFunction(found, { timeout: 30_000 }, wanted.source);
        await diagnostics.close();
      };
      await about(new RegExp(`Works offlineno: .*not those of this version: .*${script()} \\(200\\)`));
      for (const [path, hash] of await kept(page)) assert.equal(hash, sha256(readFileSync(siteFile(path))), path);

      server.faults.clear();
      server.requests.length = 0;
      await page.reload();
      await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
      await about(/Works offlineyes/);
      const files = await kept(page);
      assert.deepEqual([...files.keys()].sort(), built().sort());
      for (const [path, hash] of files) assert.equal(hash, sha256(readFileSync(siteFile(path))), path);
      const { origin } = server;
      await server.close();
      await page.goto(`${origin}/bench.html`);
      await page.waitForSelector('#run');
      await page.click('#run');
      await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Done.', { timeout: 60_000 });
    });
  }

  test('a guide is cached when it is read, and not before', async (t) => {
    const server = await startServer({ csp: STRICT_CSP });
    t.after(() => server.close());
    const page = await visit(t, server);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    const guides = async () => [...(await kept(page)).keys()].filter((path) => path.startsWith('docs/'));
    assert.deepEqual(await guides(), []);
    await page.goto(`${server.origin}/docs/errors.html`);
    for (let tries = 0; tries < 50 && (await guides()).length === 0; tries++)
      await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(await guides(), ['docs/errors.html']);
    const { origin } = server;
    await server.close();
    await page.goto(`${origin}/docs/errors.html`);
    assert.equal(await page.$eval('h1', (node) => node.textContent), 'Errors by code');
  });

  // The page reports that it uses another module of the engine. It loads the other one when it is used.
  for (const begin of ['linnet_relaxed_bg-', 'constraint_bg-']) {
    test(`${begin}*.wasm is cached when it is used, and a page with status 200 instead of it is not`, async (t) => {
      const server = await startServer({ csp: STRICT_CSP });
      t.after(() => server.close());
      const wasm = readdirSync(siteFile('assets')).find((name) => name.startsWith(begin));
      const page = await visit(t, server);
      await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
      await page.reload();
      server.faults.set(`/assets/${wasm}`, { page: '<!doctype html><title>Sign in</title>', times: 1 });
      const look = () =>
        page.evaluate(async (wasm) => {
          const answer = await fetch(`./assets/${wasm}`);
          const kept = await Promise.all(
            (await caches.keys()).map(async (name) => (await caches.open(name)).match(`./assets/${wasm}`)),
          );
          return [answer.headers.get('content-type'), kept.some(Boolean)];
        }, wasm);
      assert.deepEqual(await look(), ['text/html', false]);
      assert.deepEqual(await look(), ['application/wasm', true]);
      await server.close();
      assert.deepEqual(await look(), ['application/wasm', true], 'without a network, too');
    });
  }
});

describe('the site on a host that sets no headers', { timeout: 300_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  /** A host that sets no headers, with the built service worker and its switch. */
  async function startHost(t, isolate = true) {
    const built = readFileSync(siteFile('sw.js'), 'utf8');
    const worker = built.replace('const ISOLATE = false;', `const ISOLATE = ${isolate};`);
    assert.equal(worker === built, !isolate, 'it has the switch');
    const server = await startServer({ isolated: false, csp: STRICT_CSP, files: { '/sw.js': Buffer.from(worker) } });
    t.after(() => server.close());
    return server;
  }

  /** Opens a page there, after the scripts of a test; `loads` returns how often it was loaded. */
  async function visit(t, server, query, ...scripts) {
    const page = await browser.newPage();
    t.after(() => page.close());
    let loads = 0;
    page.on('load', () => loads++);
    // Evaluating code in the page counts as user activation.
    await page.evaluateOnNewDocument(() =>
      Object.defineProperty(navigator, 'userActivation', { value: { hasBeenActive: false }, configurable: true }),
    );
    for (const script of scripts) await page.evaluateOnNewDocument(script);
    await page.goto(`${server.origin}/${query}`);
    return { page, loads: () => loads };
  }
  /** Waits until the service worker has sent all messages. */
  const settled = async (page) => {
    await page.evaluate(() => navigator.serviceWorker.ready);
    await new Promise((resolve) => setTimeout(resolve, 1500));
  };

  test('the service worker isolates the pages, and the engine has threads', { skip: noModel }, async (t) => {
    const server = await startHost(t);
    const { page, loads } = await visit(t, server, '?backend=cpu&temperature=0&max=8');
    await page.waitForFunction(() => crossOriginIsolated, { timeout: 30_000 });
    await engineState(page, 'ready', 60_000);
    assert.match(await page.$eval('#stats', (node) => node.textContent ?? ''), /CPU, [2-9] threads/);
    await ask(page, 'What is the capital of France?');
    await page.waitForFunction(() => /Paris/.test(document.querySelector('.assistant .text')?.textContent ?? ''), {
      timeout: 60_000,
    });
    assert.equal(loads(), 2, 'it was reloaded exactly once');

    const next = await openPage(browser, `${server.origin}/diagnostics.html`);
    t.after(() => next.close());
    assert.equal(await next.evaluate(() => crossOriginIsolated), true, 'another page is isolated at once');
    await settled(next);
    assert.equal(
      server.requests.filter(({ path }) => path === '/diagnostics.html').length,
      2,
      'one of them was the service worker’s',
    );
  });

  test('a browser that ignores the headers is reloaded only once', async (t) => {
    const { page, loads } = await visit(t, await startHost(t), '', fakeWorker, () =>
      Object.defineProperty(globalThis, 'crossOriginIsolated', { value: false }),
    );
    await settled(page);
    assert.equal(loads(), 2);
    // The message of a newer service worker that takes over.
    await page.evaluate(() => navigator.serviceWorker.dispatchEvent(new MessageEvent('message', { data: 'isolates' })));
    await settled(page);
    assert.equal(loads(), 2);
  });

  test('a page that somebody has begun to use is not reloaded', async (t) => {
    const active = () => Object.defineProperty(navigator, 'userActivation', { value: { hasBeenActive: true } });
    const { page, loads } = await visit(t, await startHost(t), '', fakeWorker, active);
    await settled(page);
    assert.deepEqual([loads(), await page.evaluate(() => crossOriginIsolated)], [1, false]);
    await page.reload();
    assert.equal(await page.evaluate(() => crossOriginIsolated), true, 'the next visit is isolated');
  });

  test('without the switch nothing changes', async (t) => {
    const { page, loads } = await visit(t, await startHost(t, false), '', fakeWorker);
    await settled(page);
    await page.reload();
    assert.deepEqual([loads(), await page.evaluate(() => crossOriginIsolated)], [2, false]);
  });
});
