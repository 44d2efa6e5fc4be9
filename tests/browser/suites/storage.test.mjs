// The store of models: what a crash, a second tab, a full disk or a damaged file does to it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../engines.mjs';
import { complete, load, MODEL, MODEL_BYTES, MODEL_ID, modelPath, noModel, openBlank, startServer } from '../harness.mjs';

const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const ADDRESS = `/models/${MODEL}`;
const cpu = { backend: 'cpu' };

/** The files of the store, with their sizes. */
const files = (page) =>
  page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models', { create: true });
    const found = {};
    for await (const [name, handle] of folder.entries()) found[name] = (await /** @type {FileSystemFileHandle} */ (handle).getFile()).size;
    return found;
  });

/** Writes into a stored file, as a failing disk or another program might. */
const damage = (page, name, at, bytes) =>
  page.evaluate(
    async (name, at, bytes) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models');
      const writable = await (await folder.getFileHandle(name)).createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position: at, data: new Uint8Array(bytes) });
      await writable.close();
    },
    name,
    at,
    bytes,
  );

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

  test('holds the model under its hash, and nothing else', async (t) => {
    const { page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const found = await files(page);
    assert.deepEqual(Object.keys(found).sort(), [`${SHA256}.gguf`, `${SHA256}.json`]);
    assert.equal(found[`${SHA256}.gguf`], MODEL_BYTES);
  });

  test('a byte that changed in the weights is found, and the model fetched anew', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    await damage(page, `${SHA256}.gguf`, 50_000_000, [1, 2, 3, 4, 5, 6, 7, 8]);
    server.requests.length = 0;
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', true]);
    assert.equal(server.count('.gguf'), 1);
    server.requests.length = 0;
    assert.equal((await load(page, MODEL_ID, cpu)).origin, 'cache');
    assert.equal(server.count('.gguf'), 0);
  });

  test('a header that was overwritten, a description that is no JSON, a file of another length: all heal', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    for (const [name, at, bytes] of [[`${SHA256}.gguf`, 0, [0, 0, 0, 0]], [`${SHA256}.json`, 0, [35, 35, 35]], [`${SHA256}.gguf`, MODEL_BYTES, [0]]]) {
      await damage(page, name, at, bytes);
      server.requests.length = 0;
      const info = await load(page, MODEL_ID, cpu);
      assert.deepEqual([info.code, info.origin], [undefined, 'network'], `${name} at ${at}`);
      assert.equal(server.count('.gguf'), 1);
    }
    assert.equal((await load(page, MODEL_ID, cpu)).origin, 'cache');
  });

  test('where the file is lent to one tab only, the other one reads it all the same, and checks it', async (t) => {
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

  test('what an older version has stored is fetched anew', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, MODEL_ID, cpu);
    const entry = { version: 1, url: ADDRESS, complete: { bytes: MODEL_BYTES, sha256: SHA256 } };
    // Spaces, so that nothing of the newer one is left behind it.
    await damage(page, `${SHA256}.json`, 0, [...Buffer.from(JSON.stringify(entry).padEnd(1000))]);
    server.requests.length = 0;
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, server.count('.gguf')], ['network', 1]);
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, server.count('.gguf')], ['cache', 1]);
  });

  test('loading from the store can be ended in the middle', async (t) => {
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
      const code = await Linnet.load(model, { backend: 'cpu', modelBase: '/models/', onProgress, signal: stop.signal }).catch(({ code }) => code);
      return { code, most };
    }, MODEL_ID);
    assert.equal(found.code, 'aborted');
    assert.ok(found.most < MODEL_BYTES, `${found.most} bytes were read`);
    assert.equal((await load(page, MODEL_ID, cpu)).origin, 'cache');
  });

  test('a download that was broken off is gone on with after a reload', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { breakAt: 70_000_000 });
    assert.equal((await load(page, ADDRESS, cpu)).code, 'network');
    server.faults.clear();
    await page.reload();
    await page.waitForFunction('window.linnet');
    server.requests.length = 0;
    const info = await load(page, ADDRESS, cpu);
    assert.deepEqual([info.code, info.phases], [undefined, ['engine', 'cache', 'download', 'prepare']]);
    assert.deepEqual(server.requests.filter(({ path }) => path === ADDRESS).map(({ range }) => range), ['bytes=70000000-']);
    const { choices } = await complete(page, { prompt: 'The capital of France is', temperature: 0, max_tokens: 4 });
    assert.match(choices[0].text, /Paris/);
  });

  test('a beginning that was damaged meanwhile does no harm', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set(ADDRESS, { breakAt: 70_000_000 });
    assert.equal((await load(page, MODEL_ID, cpu)).code, 'network');
    server.faults.clear();
    await damage(page, `${SHA256}.gguf`, 30_000_000, [1, 2, 3, 4]);
    server.requests.length = 0;
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', true]);
    assert.deepEqual(server.requests.filter(({ path }) => path === ADDRESS).map(({ range }) => range), ['bytes=70000000-', undefined]);
  });

  test('a listed file with another byte: integrity, and nothing of it is kept', async (t) => {
    const wrong = readFileSync(modelPath);
    wrong[60_000_000] ^= 1;
    const server = await startServer({ files: { [ADDRESS]: wrong } });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const { code, details } = await load(page, MODEL_ID, cpu);
    assert.deepEqual([code, details.expected], ['integrity', SHA256]);
    assert.deepEqual(await files(page), {});
  });

  test('two tabs at once both get their model, and the store is whole', async (t) => {
    const { server, page } = await fresh(t);
    const other = await openBlank(browser, server);
    t.after(() => other.close());
    const infos = await Promise.all([load(page, MODEL_ID, cpu), load(other, MODEL_ID, cpu)]);
    assert.deepEqual(infos.map(({ code }) => code), [undefined, undefined]);
    assert.equal(infos.filter(({ stored }) => stored).length >= 1, true);
    server.requests.length = 0;
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, (await load(other, MODEL_ID, cpu)).origin], ['cache', 'cache']);
    assert.equal(server.count('.gguf'), 0);
  });

  test('a full disk is no reason not to chat', async (t) => {
    const { server, page } = await fresh(t);
    const client = await page.createCDPSession();
    await client.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 20e6 });
    const info = await load(page, MODEL_ID, cpu);
    assert.deepEqual([info.code, info.stored], [undefined, false]);
    assert.deepEqual(await files(page), {});
    await client.send('Storage.overrideQuotaForOrigin', { origin: server.origin });
    assert.equal((await load(page, MODEL_ID, cpu)).stored, true);
  });

  test('a page without storage (not https) works all the same', async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const origin = server.origin.replace('127.0.0.1', 'insecure.test');
    const page = await openBlank(browser, server, { origin });
    t.after(() => page.close());
    assert.equal(await page.evaluate(() => isSecureContext), false);
    const info = await load(page, MODEL_ID);
    assert.deepEqual([info.code, info.backend, info.stored], [undefined, 'cpu', false]);
    const { choices } = await complete(page, { prompt: 'The capital of France is', temperature: 0, max_tokens: 4 });
    assert.match(choices[0].text, /Paris/);
  });
});
