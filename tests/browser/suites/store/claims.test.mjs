// False claims of servers and browsers: space, lengths, codings, kinds of files; and a store that is cleared during
// use.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { chromium } from '../../support/engines.mjs';
import { load, openBlank, referenceFile, startServer } from '../../support/harness.mjs';

const tiny = readFileSync(referenceFile('tiny', 'qwen3', 'model.gguf'));
/** A valid model of 8 MB, mostly padding. */
const padded = Buffer.concat([tiny, Buffer.alloc(8_000_000 - tiny.length)]);
const cpu = { backend: 'cpu' };

/** Files that are not models, and the words of their errors. */
const OTHERS = {
  html: [Buffer.from('<!DOCTYPE html><html><title>Sign in</title></html>'), 'html', /web page.*\/resolve\//],
  json: [Buffer.from('{"error":"Repository not found"}'), 'json', /JSON/],
  pointer: [
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n'),
    'git-lfs',
    /git lfs pull/,
  ],
  zip: [Buffer.from('PK\x03\x04'.padEnd(500, '\0')), 'zip', /zip archive/],
  gzip: [gzipSync(tiny), 'gzip', /Decompress/],
  safetensors: [
    Buffer.concat([Buffer.from([60, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"a":{}}'.padEnd(600))]),
    'safetensors',
    /llama\.cpp/,
  ],
};

describe('what servers and browsers claim', { timeout: 900_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  async function fresh(t, { files = {}, context = browser } = {}) {
    const server = await startServer({
      files: { '/tiny.gguf': tiny, '/other.gguf': tiny, '/padded.gguf': padded, ...files },
    });
    t.after(() => server.close());
    const page = await openBlank(context, server);
    t.after(() => page.close());
    return { server, page };
  }

  /** Calls a method of `models`; `file:ADDRESS` becomes a file. Returns the result, or the error. */
  const call = (page, name, given) =>
    page.evaluate(
      async (name, given) => {
        try {
          const file = given.startsWith('file:') && new File([await (await fetch(given.slice(5))).blob()], 'a.gguf');
          return (await /** @type {any} */ (globalThis).linnet.models[name](file || given)) ?? 'done';
        } catch (/** @type {any} */ error) {
          return { code: error.code ?? String(error), message: error.message, details: error.details };
        }
      },
      name,
      given,
    );

  for (const kind of ['a window', 'a private window']) {
    test(`${kind} with less space than it reports: quota, and nothing counts as stored`, async (t) => {
      const context = kind === 'a window' ? browser : await browser.createBrowserContext();
      const { server, page } = await fresh(t, { context });
      if (context !== browser) t.after(() => context.close());
      const client = await page.createCDPSession();
      await client.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 5e6 });
      const estimate = await page.evaluate(() => navigator.storage.estimate());
      assert.ok(/** @type {number} */ (estimate.quota) > 8e6, 'the browser says that there is room');
      const info = await load(page, '/padded.gguf', cpu);
      assert.deepEqual(
        [info.code, info.stored, info.notStored?.code, info.notStored?.details.need],
        [undefined, false, 'quota', padded.length],
      );
      assert.equal((await load(page, '/padded.gguf', { ...cpu, storage: 'required' })).code, 'quota');
      assert.equal((await call(page, 'download', '/padded.gguf')).code, 'quota');
      assert.equal((await call(page, 'import', 'file:/padded.gguf')).code, 'quota');
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).linnet.models.stored()), []);
      assert.equal(
        (await load(page, '/tiny.gguf', { ...cpu, storage: 'required' })).stored,
        true,
        'what fits is stored',
      );
      await client.send('Storage.overrideQuotaForOrigin', { origin: server.origin });
      assert.equal(await call(page, 'download', '/padded.gguf'), 'done');
      assert.equal((await load(page, '/padded.gguf', cpu)).origin, 'cache');
    });
  }

  test('models load and are stored after the site’s data was cleared in an open page', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set('/clear', { status: 200, headers: { 'Clear-Site-Data': '"storage"' } });
    assert.equal((await load(page, '/tiny.gguf', cpu)).stored, true);
    const clear = async () => {
      await page.evaluate(() => fetch('/clear').then((response) => response.text()));
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    for (const storage of [undefined, 'required', 'none']) {
      await clear();
      const info = await load(page, '/tiny.gguf', { ...cpu, ...(storage ? { storage } : {}) });
      assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', storage !== 'none'], info.message);
    }
    await clear();
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (globalThis).linnet.models.stored()), []);
    assert.equal(await call(page, 'download', '/tiny.gguf'), 'done');
    assert.equal(await call(page, 'remove', '/tiny.gguf'), true);
  });

  test('a server that sends ranges with a content coding is asked for the whole file', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set('/tiny.gguf', { gzip: true });
    const info = await load(page, '/tiny.gguf', cpu);
    assert.deepEqual([info.code, info.stored], [undefined, true], info.message);
    assert.equal(server.requests.filter(({ path }) => path === '/tiny.gguf').at(-1)?.range, undefined);
    server.requests.length = 0;
    assert.deepEqual([(await load(page, '/tiny.gguf', cpu)).origin, server.count('.gguf')], ['cache', 0]);
  });

  test('a server that sends Retry-After is asked again at that time', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set('/tiny.gguf', { status: 429, headers: { 'Retry-After': '2' }, times: 1 });
    const began = performance.now();
    assert.equal((await load(page, '/tiny.gguf', cpu)).code, undefined);
    assert.ok(performance.now() - began > 1900);
    server.faults.set('/other.gguf', { status: 429, headers: { 'Retry-After': '3600' } });
    const refused = await load(page, '/other.gguf', cpu);
    assert.deepEqual([refused.code, refused.details.retryAfter, server.count('other.gguf')], ['http', 3600, 1]);
  });

  test('a file that is replaced during its download is fetched again from the beginning', async (t) => {
    const { server, page } = await fresh(t);
    server.faults.set('/padded.gguf', { headers: { ETag: '"old"' }, times: 1 });
    const info = await load(page, '/padded.gguf', cpu);
    assert.deepEqual([info.code, info.stored], [undefined, true], info.message);
    const starts = server.requests
      .filter(({ path }) => path === '/padded.gguf')
      .map(({ range }) => range?.split('-')[0]);
    assert.equal(starts.filter((start) => start === 'bytes=0').length, 2);
    await call(page, 'remove', '/padded.gguf');
    server.faults.set('/padded.gguf', { headers: { ETag: '"old"' }, times: 1 });
    assert.equal(await call(page, 'download', '/padded.gguf'), 'done');
  });

  test('a file that is not a model is named by its kind, from any source', async (t) => {
    const files = Object.fromEntries(
      Object.entries(OTHERS).map(([name, [content]]) => [`/${name}.gguf`, /** @type {Buffer} */ (content)]),
    );
    const { page } = await fresh(t, { files });
    for (const [name, [, kind, words]] of Object.entries(OTHERS)) {
      const found = {
        load: await load(page, `/${name}.gguf`, cpu),
        download: await call(page, 'download', `/${name}.gguf`),
        import: await call(page, 'import', `file:/${name}.gguf`),
      };
      for (const [way, { code, message, details }] of Object.entries(found)) {
        assert.deepEqual([code, details?.kind], ['bad-model', kind], `${way} of ${name}: ${message}`);
        assert.match(message, /** @type {RegExp} */ (words));
      }
    }
    assert.deepEqual(
      await page.evaluate(() => /** @type {any} */ (globalThis).linnet.models.stored()),
      [],
      'none of them is kept',
    );
  });

  test('a model whose address changes at each visit is stored once, under its key', async (t) => {
    const { server, page } = await fresh(t);
    const signed = (no) => ({ url: `/tiny.gguf?X-Amz-Signature=secret${no}`, key: 'tiny 1' });
    assert.equal((await load(page, signed(1), cpu)).origin, 'network');
    server.requests.length = 0;
    assert.equal((await load(page, signed(2), cpu)).origin, 'cache');
    assert.equal((await load(page, { id: 'ours', files: [signed(3)] }, cpu)).origin, 'cache');
    assert.equal(server.count('.gguf'), 0);
    const stored = await page.evaluate(() => /** @type {any} */ (globalThis).linnet.models.stored());
    assert.equal(stored.length, 1);
    assert.ok(!JSON.stringify(stored).includes('secret'));
    assert.equal((await load(page, stored[0].source, cpu)).origin, 'cache');
    assert.equal((await load(page, { ...signed(4), key: 'tiny 2' }, cpu)).origin, 'network');
  });
});
