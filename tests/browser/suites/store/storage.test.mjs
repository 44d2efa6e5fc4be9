// The store of models after a crash, with a second tab, on a full disk, and with damaged files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { complete, load, MODEL_BYTES, MODEL_ID, noModel, openBlank, startServer } from '../../support/harness.mjs';
import {
  ADDRESS,
  asked,
  CHUNK,
  chunkOf,
  CHUNKS,
  damage,
  files,
  rangeOf,
  ranges,
  recovered,
  SHA256,
} from './model-chunks.mjs';

const cpu = { backend: 'cpu' };

describe('the store', { skip: noModel, timeout: 1_800_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ args: ['--host-resolver-rules=MAP insecure.test 127.0.0.1'] });
  });
  after(() => browser?.close());

  async function fresh(t, options = {}) {
    const server = await startServer();
    t.after(() => server.close());
    const page = await openBlank(browser, server, options);
    t.after(() => page.close());
    return { server, page };
  }

  test('stores the model under its hash, and nothing else', async (t) => {
    const { page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const found = await files(page);
    assert.deepEqual(Object.keys(found).sort(), [`${SHA256}.gguf`, `${SHA256}.journal`]);
    assert.equal(found[`${SHA256}.gguf`], MODEL_BYTES);
  });

  test('a changed byte in the weights is detected, and its chunk is fetched again', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    await damage(page, `${SHA256}.gguf`, 50_000_000, [1, 2, 3, 4, 5, 6, 7, 8]);
    server.requests.length = 0;
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', true]);
    assert.deepEqual(ranges(server), [rangeOf(chunkOf(50_000_000))]);
    server.requests.length = 0;
    assert.equal((await load(page, MODEL_ID, cpu)).origin, 'cache');
    assert.equal(server.count('.gguf'), 0);
  });

  test('an overwritten header, an invalid journal and a file of another length are repaired', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const cases = /** @type {[string, number, number[], string, number][]} */ ([
      [`${SHA256}.gguf`, 0, [0, 0, 0, 0], 'network', 1],
      [`${SHA256}.journal`, 0, [35, 35, 35], 'network', CHUNKS],
      // After its end, where it has no effect.
      [`${SHA256}.gguf`, MODEL_BYTES, [0], 'cache', 0],
    ]);
    for (const [name, at, bytes, origin, requests] of cases) {
      await damage(page, name, at, bytes);
      server.requests.length = 0;
      const info = await load(page, MODEL_ID, cpu);
      assert.deepEqual(
        [info.code, info.origin, server.count('.gguf')],
        [undefined, origin, requests],
        `${name} at ${at}`,
      );
    }
    assert.equal((await load(page, MODEL_ID, cpu)).origin, 'cache');
  });

  test('a tab reads and checks the file even if another tab has opened it exclusively', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const tab = await openBlank(browser, server);
    t.after(() => tab.close());
    await tab.evaluate(async (name) => {
      const hold = `onmessage = async ({ data }) => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models');
        self.handle = await (await folder.getFileHandle(data)).createSyncAccessHandle();
        postMessage('held');
      }`;
      const worker = new Worker(URL.createObjectURL(new Blob([hold])));
      Object.assign(window, { worker });
      await new Promise((resolve) => {
        worker.onmessage = resolve;
        worker.postMessage(name);
      });
    }, `${SHA256}.gguf`);
    server.requests.length = 0;
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.origin], [undefined, 'cache']);
    assert.equal(server.count('.gguf'), 0);
  });

  test('an entry of an older version is fetched again', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const entry = { version: 1, url: ADDRESS, chunkBytes: CHUNK, total: MODEL_BYTES, sha256: SHA256 };
    // Spaces make the first line as long as the newer one.
    await damage(page, `${SHA256}.journal`, 0, [...Buffer.from(`${JSON.stringify(entry).padEnd(1000)}\n`)]);
    server.requests.length = 0;
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, server.count('.gguf')], ['network', CHUNKS]);
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, server.count('.gguf')], ['cache', CHUNKS]);
  });

  test('loading from the store can be aborted in the middle', async (t) => {
    const { page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const found = await page.evaluate(async (model) => {
      const stop = new AbortController();
      let most = 0;
      const onProgress = ({ phase, loaded }) => {
        if (phase === 'cache') stop.abort();
        most = Math.max(most, loaded);
      };
      const { Linnet } = /** @type {any} */ (globalThis).linnet;
      const code = await Linnet.load(model, {
        backend: 'cpu',
        modelBase: '/models/',
        onProgress,
        signal: stop.signal,
      }).catch(({ code }) => code);
      return { code, most };
    }, MODEL_ID);
    assert.equal(found.code, 'aborted');
    assert.ok(found.most < MODEL_BYTES, `${found.most} bytes were read`);
    assert.equal((await load(page, MODEL_ID, cpu)).origin, 'cache');
  });

  test('an interrupted download continues after a reload', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { breakAt: 70_000_000 });
    assert.equal((await load(page, ADDRESS, cpu)).code, 'network');
    server.faults.clear();
    await page.reload();
    await page.waitForFunction('window.linnet');
    server.requests.length = 0;
    const info = await load(page, ADDRESS, cpu);
    assert.deepEqual([info.code, info.phases], [undefined, ['engine', 'cache', 'download', 'prepare']]);
    assert.deepEqual(
      [ranges(server)[0], asked(server)],
      [`bytes=70000000-${(chunkOf(70_000_000) + 1) * CHUNK - 1}`, MODEL_BYTES - 70_000_000],
    );
    const { choices } = await complete(page, { prompt: 'The capital of France is', temperature: 0, max_tokens: 4 });
    assert.match(choices[0].text, /Paris/);
  });

  test('damage to a partial download is repaired', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { breakAt: 70_000_000 });
    assert.equal((await load(page, MODEL_ID, cpu)).code, 'network');
    await damage(page, `${SHA256}.gguf`, 30_000_000, [1, 2, 3, 4]);
    await recovered(server);
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', true]);
    assert.equal(asked(server), MODEL_BYTES - 70_000_000 + CHUNK);
    assert.ok(ranges(server).includes(rangeOf(chunkOf(30_000_000))));
  });

  test('a download cut at ten random bytes completes, and fetches only the cut chunks again', async (t) => {
    const { server, page } = await fresh(t);
    const cuts = Array.from({ length: 10 }, () => Math.floor(Math.random() * MODEL_BYTES)).sort(
      (one, other) => one - other,
    );
    // One after the other: each fault is replaced by the next once it has happened.
    const next = () => {
      const breakAt = cuts[10 - left--];
      if (breakAt !== undefined) server.faults.set(ADDRESS, { breakAt, times: 1 });
    };
    let left = 10;
    next();
    const timer = setInterval(() => server.faults.size === 0 && next(), 1);
    t.after(() => clearInterval(timer));
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.stored], [undefined, true], `cut at ${cuts}`);
    const spare = server.requests.length - CHUNKS;
    assert.ok(
      asked(server) >= MODEL_BYTES && asked(server) <= MODEL_BYTES + 11 * CHUNK,
      `${asked(server)} bytes in ${spare} further requests`,
    );
    const { choices } = await complete(page, { prompt: 'The capital of France is', temperature: 0, max_tokens: 4 });
    assert.match(choices[0].text, /Paris/);
  });

  test('a byte that is flipped once in transit costs one chunk', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { flipAt: 60_000_000, times: 1 });
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.stored, asked(server)], [undefined, true, MODEL_BYTES + CHUNK]);
  });

  test('a byte that is always wrong fails with its place; the next load fetches only unverified chunks', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { flipAt: 60_000_000 });
    const { code, details } = await load(page, MODEL_ID, cpu);
    const wrong = chunkOf(60_000_000);
    assert.deepEqual(
      [code, new URL(details.url).pathname, details.chunk, details.from],
      ['integrity', ADDRESS, wrong, wrong * CHUNK],
    );
    await recovered(server);
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.stored], [undefined, true]);
    assert.equal(Math.min(...ranges(server).map((range) => Number(range.slice(6).split('-')[0]))), wrong * CHUNK);
  });

  test('a brief server failure is waited out; a lasting one is reported, and the next load continues', async (t) => {
    const { server, page } = await fresh(t);
    const failing = async (times) => {
      const loading = load(page, MODEL_ID, cpu);
      while (ranges(server).length < 6) await new Promise((resolve) => setTimeout(resolve, 1));
      server.faults.set(ADDRESS, { status: 500, times });
      return loading;
    };
    const { code, details } = await failing(1000);
    assert.deepEqual([code, details.status], ['http', 500]);
    await recovered(server);
    const info = await failing(3);
    assert.deepEqual([info.code, info.stored], [undefined, true]);
    assert.ok(!ranges(server).includes(rangeOf(0)));
  });

  test('works with a server without Range, and with one whose Content-Length is wrong', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { noRange: true, overstate: 1000 });
    assert.equal((await load(page, ADDRESS, cpu)).code, 'network');
    server.faults.set(ADDRESS, { overstate: 1000 });
    const listed = await load(page, MODEL_ID, cpu);
    assert.deepEqual([listed.code, listed.stored], [undefined, true]);
    server.faults.set(ADDRESS, { noRange: true });
    server.requests.length = 0;
    const info = await load(page, ADDRESS, cpu);
    assert.deepEqual([info.code, info.origin, info.stored, server.count('.gguf')], [undefined, 'network', true, 1]);
    server.faults.clear();
    assert.deepEqual([(await load(page, ADDRESS, cpu)).origin, server.count('.gguf')], ['cache', 1]);
  });

  test('loads a file of another site, with and without access to its length', async (t) => {
    for (const cors of /** @type {const} */ (['ranges', 'files'])) {
      const home = await startServer({ cors });
      t.after(() => home.close());
      const { page } = await fresh(t);
      // The length of a listed file is known.
      const listed = await load(page, MODEL_ID, { ...cpu, modelBase: `${home.origin}/models/` });
      assert.deepEqual([listed.code, listed.stored, ranges(home).length], [undefined, true, CHUNKS], cors);
      home.requests.length = 0;
      const info = await load(page, home.origin + ADDRESS, cpu);
      assert.deepEqual([info.code, info.stored], [undefined, true], cors);
      assert.deepEqual(
        [ranges(home).length, ranges(home).at(-1)],
        cors === 'ranges' ? [CHUNKS, rangeOf(CHUNKS - 1)] : [2, undefined],
      );
    }
  });

  test('losing the network fails with network, and the next load fetches the rest', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { bytesPerSecond: 20e6 });
    const loading = load(page, MODEL_ID, cpu);
    while (ranges(server).length < 10) await new Promise((resolve) => setTimeout(resolve, 5));
    await page.setOfflineMode(true);
    const lost = await loading;
    assert.equal(lost.code, 'network', lost.message);
    await page.setOfflineMode(false);
    await recovered(server);
    assert.equal((await load(page, MODEL_ID, cpu)).code, undefined);
    assert.ok(asked(server) < MODEL_BYTES - 5 * CHUNK, `${asked(server)} bytes were asked for`);
  });

  test('the next tab continues a download whose tab was killed', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { bytesPerSecond: 20e6 });
    load(page, MODEL_ID, cpu).catch(() => {});
    while (ranges(server).length < 12) await new Promise((resolve) => setTimeout(resolve, 5));
    const client = await page.createCDPSession();
    client.send('Page.crash').catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 500));
    await recovered(server);
    const next = await openBlank(browser, server);
    t.after(() => next.close());
    const info = await load(next, MODEL_ID, cpu);
    assert.deepEqual(
      [info.code, info.stored, info.phases],
      [undefined, true, ['engine', 'cache', 'download', 'prepare']],
    );
    assert.ok(asked(server) <= MODEL_BYTES - 8 * CHUNK, `${asked(server)} bytes were asked for`);
    assert.ok(!ranges(server).includes(rangeOf(0)));
  });

  test('two tabs share one download and one copy', async (t) => {
    const { server, page } = await fresh(t);
    const other = await openBlank(browser, server);
    t.after(() => other.close());
    const infos = await Promise.all([load(page, MODEL_ID, cpu), load(other, MODEL_ID, cpu)]);
    assert.deepEqual(
      infos.map(({ code, stored }) => [code, stored]),
      [
        [undefined, true],
        [undefined, true],
      ],
    );
    assert.deepEqual(infos.map(({ origin }) => origin).sort(), ['cache', 'network']);
    // Each byte once. (The waiting tab shows the progress of the other.)
    assert.equal(asked(server), MODEL_BYTES);
    assert.deepEqual(Object.keys(await files(page)).length, 2);
    server.requests.length = 0;
    assert.deepEqual(
      [(await load(page, MODEL_ID, cpu)).origin, (await load(other, MODEL_ID, cpu)).origin],
      ['cache', 'cache'],
    );
    assert.equal(server.count('.gguf'), 0);
  });

  test('a waiting tab continues the download when the downloading tab is closed', async (t) => {
    const { server, page: other } = await fresh(t);
    const page = await openBlank(browser, server);
    server.faults.set(ADDRESS, { bytesPerSecond: 20e6 });
    load(page, MODEL_ID, cpu).catch(() => {});
    while (ranges(server).length < 8) await new Promise((resolve) => setTimeout(resolve, 5));
    const waiting = load(other, MODEL_ID, cpu);
    await new Promise((resolve) => setTimeout(resolve, 300));
    server.faults.clear();
    await page.close();
    const info = await waiting;
    assert.deepEqual([info.code, info.stored], [undefined, true]);
    // Only chunks in transit when the tab was closed are fetched again.
    assert.ok(asked(server) <= MODEL_BYTES + 4 * CHUNK, `${asked(server)} bytes were asked for`);
  });

  test('the chat works with a full disk', async (t) => {
    const { server, page } = await fresh(t);
    const client = await page.createCDPSession();
    await client.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 20e6 });
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.stored, info.notStored?.code], [undefined, false, 'quota']);
    assert.deepEqual(await files(page), {});
    assert.equal((await load(page, MODEL_ID, { ...cpu, storage: 'required' })).code, 'quota');
    await client.send('Storage.overrideQuotaForOrigin', { origin: server.origin });
    assert.equal((await load(page, MODEL_ID, cpu)).stored, true);
  });

  test('a page without storage (no HTTPS) works', async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const origin = server.origin.replace('127.0.0.1', 'insecure.test');
    const page = await openBlank(browser, server, { origin });
    t.after(() => page.close());
    assert.equal(await page.evaluate(() => isSecureContext), false);
    const info = await load(page, MODEL_ID);
    assert.deepEqual(
      [info.code, info.backend, info.stored, info.notStored?.code],
      [undefined, 'cpu', false, 'no-storage'],
    );
    assert.equal((await load(page, MODEL_ID, { storage: 'required' })).code, 'no-storage');
    assert.equal((await load(page, MODEL_ID)).code, undefined);
    const { choices } = await complete(page, { prompt: 'The capital of France is', temperature: 0, max_tokens: 4 });
    assert.match(choices[0].text, /Paris/);
  });
});
