// The demo site's other pages: Bench, Diagnostics and Embed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { violations } from '../../support/axe.mjs';
import { chromium } from '../../support/engines.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import { MODEL_BYTES, noModel, openPage, press, startServer, STRICT_CSP } from '../../support/harness.mjs';

const facts = (page, id) =>
  page.$eval(`#${id}`, (list) =>
    Object.fromEntries(
      [...list.querySelectorAll('dt')].map((term) => [term.textContent, term.nextElementSibling?.textContent]),
    ),
  );

describe('the other pages of the site', { timeout: 900_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer({ csp: STRICT_CSP });
    await allowCopying(server);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  const allowCopying = ({ origin }) =>
    browser
      .defaultBrowserContext()
      .overridePermissions(origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
  async function copied(page, label) {
    await page.bringToFront();
    await press(page, label);
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Copied.');
    return page.evaluate(() => navigator.clipboard.readText());
  }

  test('Bench measures the device, and the table can be copied', { skip: noModel }, async (t) => {
    const page = await openPage(browser, `${server.origin}/bench.html?backend=cpu&context=256`);
    t.after(() => page.close());
    assert.equal(server.count('.gguf'), 0, 'nothing is downloaded without consent');
    await press(page, 'Measure');
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Done.', { timeout: 600_000 });
    const rows = await page.$$eval('#rows tr', (nodes) =>
      nodes.map((row) => [...row.children].map((cell) => Number(cell.textContent?.replace(',', '')))),
    );
    // Texts that are longer than the context are skipped.
    assert.deepEqual(
      rows.map(([length]) => length),
      [32, 128],
    );
    for (const [length, first, reads, writes] of rows) {
      assert.ok(first > 0 && writes > 0, String(rows));
      assert.ok(
        Math.abs((1000 * length) / first - reads) / reads < 0.3,
        `${length} tokens in ${first} ms are not ${reads}/s`,
      );
    }
    const markdown = await copied(page, 'Copy as Markdown');
    assert.match(markdown, /- Runs on: CPU, \d threads?\n[^]*\| text, tokens \|[^]*\n\| 32 \| \d/);
    const { rows: figures, engine } = JSON.parse(await copied(page, 'Copy as JSON'));
    assert.deepEqual([figures.map(({ prompt }) => prompt), engine.backend], [[32, 128], 'cpu']);

    // No round reuses the KV cache of an earlier text.
    assert.ok(figures[1].firstMs > figures[0].firstMs, JSON.stringify(figures));
    await press(page, 'Measure');
    await page.waitForFunction(() => /Round/.test(document.querySelector('#status')?.textContent ?? ''));
    await press(page, 'Stop');
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Stopped.');
    await page.waitForSelector('#run:not([hidden])');
  });

  test('Diagnostics describes the device, tries the engine, and gives a report', { skip: noModel }, async (t) => {
    const page = await openPage(browser, `${server.origin}/some/where/diagnostics.html?backend=cpu`);
    t.after(() => page.close());
    await page.waitForSelector('[data-probed]');
    const device = await facts(page, 'device');
    assert.equal(device['WebGPU'], 'none');
    assert.match(device['Threads'], /^[2-9]/);
    assert.equal(await page.$eval('#engine', (node) => /** @type {HTMLElement} */ (node).hidden), true);
    await press(page, 'Try the engine');
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'It works.', {
      timeout: 300_000,
    });
    const engine = await facts(page, 'engine');
    assert.match(engine['Kind'], /llama, 135 million parameters, Q4_1/);
    assert.match(engine['Memory'], /weights [\d.]+ MB, context [\d.]+ MB/);
    assert.equal(engine['Self-test'], undefined, 'only a GPU has a self-test');
    assert.equal((await facts(page, 'storage'))['SmolLM2 135M Instruct'], '98.4 MB');
    const report = JSON.parse(await copied(page, 'Copy report'));
    assert.deepEqual(
      [report.device.gpu.kind, report.engine.backend, report.stored[0].storedBytes],
      ['none', 'cpu', MODEL_BYTES],
    );
  });

  test('Diagnostics names disabled features, GPU counters, wrong options and failures', async (t) => {
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(fakeWorker);
    await page.goto(`${server.origin}/diagnostics.html`);
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      const names = [
        'dispatches',
        'submits',
        'bind_groups',
        'buffers',
        'pipelines',
        'bytes_written',
        'bytes_read',
        'readbacks',
        'queue_empty_us',
      ];
      const counters = Object.fromEntries(names.map((name, at) => [name, 100 + at]));
      Object.assign(window.info, {
        backend: 'webgpu',
        disabled_features: ['subgroups: wrong sums'],
        counters,
        adapter: { description: 'A card', fallback: false },
      });
    });
    await press(page, 'Try the engine');
    await page.waitForFunction(() => /Some GPU features/.test(document.querySelector('#status')?.textContent ?? ''));
    const engine = await facts(page, 'engine');
    assert.deepEqual(
      [engine['Runs on'], engine['Graphics'], engine['Disabled features'], engine['Self-test']],
      ['WebGPU', 'A card', 'subgroups: wrong sums', undefined],
    );
    const counters = await facts(page, 'counters');
    assert.deepEqual([counters['Kernels'], counters['Queue empty, µs']], ['100', '108']);
    await page.evaluate(() => Object.assign(/** @type {any} */ (globalThis).info, { disabled_features: [] }));
    await press(page, 'Try the engine');
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'It works.');
    assert.equal((await facts(page, 'engine'))['Self-test'], 'passed');
    await page.goto(`${server.origin}/diagnostics.html?backend=tpu`);
    await page.waitForFunction(() =>
      /“backend=tpu” .* is ignored/.test(document.querySelector('#status')?.textContent ?? ''),
    );
    await page.evaluate(() =>
      Object.assign(globalThis, {
        Worker: class {
          constructor() {
            throw new DOMException('refused', 'SecurityError');
          }
        },
      }),
    );
    await press(page, 'Try the engine');
    await page.waitForFunction(() => /\([a-z-]+\)$/.test(document.querySelector('#status')?.textContent ?? ''));
    assert.equal(JSON.parse(await copied(page, 'Copy report')).error.code, 'blocked');
  });

  test('Embed shows the chat, and the snippet matches it', async (t) => {
    // On its own origin, because there is no question if the model is stored.
    const fresh = await startServer({ csp: STRICT_CSP });
    t.after(() => fresh.close());
    await allowCopying(fresh);
    const page = await openPage(browser, `${fresh.origin}/some/where/embed.html`);
    t.after(() => page.close());
    const launcher = await page.waitForSelector('linnet-chat >>> .launcher', { visible: true });
    // The page's own requests; the service worker fetches the site's files at any time.
    const fetched = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
    assert.ok(
      fetched.some((address) => /embed.*\.js$/.test(address)),
      String(fetched),
    );
    assert.deepEqual(
      fetched.filter((address) => /worker|wasm|gguf|view/.test(address)),
      [],
      'nothing of the engine before it is opened',
    );
    assert.deepEqual([page.workers().length, fresh.count('.gguf')], [0, 0]);
    await launcher?.click();
    const asks = () => document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.accept')?.checkVisibility();
    await page.waitForFunction(asks, { timeout: 60_000 });
    await page.$eval('#own-heading', (node) => Object.assign(node, { value: '' }));
    await page.type('#own-heading', 'Ask "us" <b>');
    await page.$eval('#own-context', (node) => Object.assign(node, { value: '' }));
    await page.type('#own-context', 'Open at 7. </script><img src=x onerror=alert(1)>');
    await page.click('#own [value=button]');
    const snippet = await copied(page, 'Copy');
    // Parsed by a browser: one script that runs, and one chat with the settings.
    const read = await page.evaluate((snippet) => {
      const { body } = new DOMParser().parseFromString(`<body>${snippet}`, 'text/html');
      const chat = body.querySelector('linnet-chat');
      return {
        scripts: body.querySelectorAll('script').length,
        images: body.querySelectorAll('img').length,
        heading: chat?.getAttribute('heading'),
        mode: chat?.getAttribute('mode'),
        context: chat?.querySelector('script')?.textContent?.trim(),
      };
    }, snippet);
    assert.deepEqual(read, {
      scripts: 2,
      images: 0,
      heading: 'Ask "us" <b>',
      mode: null,
      context: 'Open at 7. ‹/script><img src=x onerror=alert(1)>',
    });
    assert.equal(await page.$eval('#live linnet-chat', (chat) => chat.getAttribute('heading')), read.heading);
    const looks = await page.$$eval('#own .field :is(input, textarea)', (nodes) =>
      nodes.map((node) => [getComputedStyle(node).backgroundColor, getComputedStyle(node).borderRadius].join()),
    );
    assert.equal(new Set(looks).size, 1, `its fields have the same style: ${looks}`);
    await page.click('#own [value=inline]');
    await page.setViewport({ width: 360, height: 640 });
    for (const value of ['light', 'dark']) {
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
      assert.deepEqual(await violations(page), [], value);
    }
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
  });

  test('pages link to each other, by keyboard; axe finds nothing on a small phone, light and dark', async (t) => {
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(fakeWorker);
    await page.setViewport({ width: 360, height: 640 });
    await page.goto(`${server.origin}/some/where/`);
    for (const [index, name] of ['bench', 'diagnostics'].entries()) {
      if (index === 0) {
        await page.focus('#menu-button');
        await page.keyboard.press('Enter');
        await page.waitForSelector('#menu[open]');
      }
      await page.focus(`a[href="./${name}.html"]`);
      await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
      assert.equal(page.url(), `${server.origin}/some/where/${name}.html`);
      assert.equal(await page.$eval('nav [aria-current=page]', (node) => node.textContent?.toLowerCase()), name);
      const [bar, link] = await page.$$eval('.bar, .bar a:last-child', (nodes) =>
        nodes.map((node) => node.getBoundingClientRect().height),
      );
      assert.ok(bar < 1.5 * link && link >= 44, `the links to all pages are in one line: ${bar}, ${link}`);
      await page.click('#run, #try');
      await page.waitForFunction(
        () => ['Done.', 'It works.'].includes(document.querySelector('#status')?.textContent ?? ''),
        { timeout: 60_000 },
      );
      for (const value of ['light', 'dark']) {
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
        assert.deepEqual(await violations(page), [], `${name}, ${value}`);
      }
      assert.equal(
        await page.evaluate(() => document.documentElement.scrollWidth > innerWidth),
        false,
        `${name} scrolls sideways`,
      );
    }
    await Promise.all([page.waitForNavigation(), page.click('.brand')]);
    assert.equal(page.url(), `${server.origin}/some/where/index.html`);
  });
});
