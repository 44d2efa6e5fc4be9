// The list of models and the store from a page: what fits, what is stored, import and export.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { fakeWorker } from '../../support/fake-worker.mjs';
import {
  complete,
  load,
  MODEL,
  MODEL_BYTES,
  MODEL_ID,
  noModel,
  openBlank,
  referenceFile,
  startServer,
} from '../../support/harness.mjs';

const tiny = readFileSync(referenceFile('tiny', 'qwen3', 'model.gguf'));
const cpu = { backend: 'cpu' };

/** Calls a method of `models` in the page. Returns its result, or the error. */
const call = (page, name, ...given) =>
  page.evaluate(
    async (name, given) => {
      try {
        return await /** @type {any} */ (globalThis).linnet.models[name](...given);
      } catch (/** @type {any} */ error) {
        return { code: error.code ?? String(error), message: error.message, details: error.details };
      }
    },
    name,
    given,
  );

describe('models', { timeout: 900_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  async function fresh(t, files = {}) {
    const server = await startServer({ files: { '/tiny.gguf': tiny, ...files } });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    return { server, page };
  }

  test('recommend() probes this browser and downloads nothing', async (t) => {
    const { server, page } = await fresh(t);
    const { device, best, models } = await call(page, 'recommend');
    assert.deepEqual([device.gpu.kind, device.simd, device.isolated, device.mobile], ['software', true, true, false]);
    assert.ok(device.gpu.maxBufferSize > 0 && device.memory > 0 && device.cores > 0);
    // This browser reports 10 GiB of free space on every device.
    assert.deepEqual(device.storage, { persisted: device.storage.persisted });
    const fit = (id) => models.find(({ model }) => model.id === id);
    assert.deepEqual(
      [fit(MODEL_ID).fits, fit(MODEL_ID).backend, fit(MODEL_ID).downloadBytes],
      ['yes', 'cpu', MODEL_BYTES],
    );
    assert.deepEqual([fit('qwen3-8b').fits, fit('qwen3-8b').reasons[0].code], ['no', 'no-gpu']);
    assert.equal(best.fits, 'yes');
    assert.equal(server.count('.gguf'), 0);
  });

  test('a model that was downloaded before works without a network', { skip: noModel }, async (t) => {
    const { server, page } = await fresh(t);
    const seen = await page.evaluate(async (id) => {
      const { models } = /** @type {any} */ (globalThis).linnet;
      const seen = [];
      await models.download(id, {
        modelBase: '/models/',
        onProgress: ({ phase, loaded, total }) => seen.push([phase, loaded, total]),
      });
      return seen;
    }, MODEL_ID);
    assert.deepEqual([seen.at(-1)[0], seen.at(-1)[2]], ['download', MODEL_BYTES]);
    const [stored, ...others] = await call(page, 'stored');
    assert.deepEqual(
      [stored.source, stored.name, stored.bytes, stored.storedBytes, stored.whole, others],
      [MODEL_ID, MODEL, MODEL_BYTES, MODEL_BYTES, true, []],
    );
    assert.equal(stored.model.id, MODEL_ID);
    const { persisted, ...storage } = await call(page, 'storage');
    assert.deepEqual([storage, typeof persisted], [{ models: MODEL_BYTES }, 'boolean']);

    server.requests.length = 0;
    await call(page, 'download', MODEL_ID);
    assert.equal(
      server.requests.length - server.count('.js') - server.count('.wasm'),
      0,
      'what is there is not fetched again',
    );
    server.faults.set(`/models/${MODEL}`, { status: 500 });
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, server.count('.gguf')], ['cache', 0]);
  });

  test('an aborted download is listed as partial, and can be continued', { skip: noModel }, async (t) => {
    const { page } = await fresh(t);
    const code = await page.evaluate(async (id) => {
      const { models } = /** @type {any} */ (globalThis).linnet;
      const stop = new AbortController();
      const onProgress = ({ loaded }) => loaded > 30e6 && stop.abort();
      return models.download(id, { modelBase: '/models/', signal: stop.signal, onProgress }).catch(({ code }) => code);
    }, MODEL_ID);
    assert.equal(code, 'aborted');
    const [{ whole, bytes, storedBytes }] = await call(page, 'stored');
    assert.deepEqual([whole, bytes], [false, MODEL_BYTES]);
    assert.ok(storedBytes > 20e6 && storedBytes < MODEL_BYTES, `${storedBytes} bytes are stored`);
    assert.equal((await call(page, 'export', MODEL_ID)).code, 'not-found');
    assert.equal((await load(page, MODEL_ID, cpu)).code, undefined);
    assert.equal((await call(page, 'stored'))[0].whole, true);
  });

  test('an imported file becomes the listed model’s copy, and can be exported and removed', {
    skip: noModel,
  }, async (t) => {
    const { server, page } = await fresh(t);
    const imported = await page.evaluate(async (address) => {
      const window = /** @type {any} */ (globalThis);
      window.file = new File([await (await fetch(address)).blob()], 'my copy.gguf');
      return window.linnet.models.import(window.file);
    }, `/models/${MODEL}`);
    assert.deepEqual([imported.source, imported.name, imported.whole], [MODEL_ID, 'my copy.gguf', true]);
    server.requests.length = 0;
    assert.deepEqual([(await load(page, MODEL_ID, cpu)).origin, server.count('.gguf')], ['cache', 0]);
    const same = await page.evaluate(async (id) => {
      const window = /** @type {any} */ (globalThis);
      const [file] = await window.linnet.models.export(id);
      const hash = async (blob) =>
        String(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())));
      return [file.name, file.size, (await hash(file)) === (await hash(window.file))];
    }, MODEL_ID);
    assert.deepEqual(same, ['my copy.gguf', MODEL_BYTES, true]);
    assert.equal(await call(page, 'remove', MODEL_ID), true);
    assert.equal(await call(page, 'remove', MODEL_ID), false);
    assert.deepEqual(await call(page, 'stored'), []);
  });

  test('an imported file of another model is loaded by its source, a site’s own entry by its id', async (t) => {
    const { server, page } = await fresh(t);
    const source = await page.evaluate(async () => {
      const file = new File([await (await fetch('/tiny.gguf')).blob()], 'tiny.gguf');
      return (await /** @type {any} */ (globalThis).linnet.models.import(file)).source;
    });
    assert.match(source, /^stored:[0-9a-f]{64}$/);
    server.requests.length = 0;
    assert.deepEqual([(await load(page, source, cpu)).origin, server.count('.gguf')], ['cache', 0]);
    assert.equal((await complete(page, { prompt: 'a', max_tokens: 2 })).usage.completion_tokens, 2);
    assert.equal(await call(page, 'remove', source), true);
    assert.equal((await load(page, source, cpu)).code, 'not-found');

    await call(page, 'add', { id: 'our-own', files: [{ url: '/tiny.gguf', bytes: tiny.length }] });
    const info = await load(page, 'our-own', cpu);
    assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', true]);
    const [{ source: id, model }] = await call(page, 'stored');
    assert.deepEqual([id, model.id], ['our-own', 'our-own']);
    assert.equal(
      (await load(page, { id: 'one-off', files: [{ url: '/tiny.gguf' }] }, cpu)).origin,
      'cache',
      'it is stored under its address',
    );
    assert.equal(await call(page, 'remove', '/tiny.gguf'), true);
  });

  test('only models are imported, entries in use stay, and remains of a crash are removed', async (t) => {
    const { page } = await fresh(t);
    const code = await page.evaluate(() =>
      /** @type {any} */ (globalThis).linnet.models
        .import(new File(['This is no model.'], 'a.gguf'))
        .catch(({ code }) => code),
    );
    assert.equal(code, 'bad-model');
    const address = new URL('/tiny.gguf', page.url()).href;
    await load(page, address, cpu);
    const [{ key }] = await call(page, 'stored');
    await page.evaluate((key) => {
      const until = new Promise((resolve) => Object.assign(globalThis, { letGo: resolve }));
      void navigator.locks.request(`linnet ${key}`, () => until);
    }, key);
    assert.equal((await call(page, 'remove', address)).code, 'no-storage');
    await page.evaluate(() => /** @type {any} */ (globalThis).letGo());
    await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models');
      await folder.getFileHandle('0123.gguf', { create: true });
      await folder.getFileHandle('4567.json', { create: true });
    });
    assert.equal((await call(page, 'stored')).length, 1);
    const names = await page.evaluate(async () => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models');
      const names = [];
      for await (const name of folder.keys()) names.push(name);
      return names.length;
    });
    assert.equal(names, 2);
    assert.equal(await call(page, 'remove', address), true);
  });

  test('the list’s recommended sampling fills the fields that a request omits', async (t) => {
    const { page } = await fresh(t);
    await page.evaluate(fakeWorker);
    const asked = async (model, request = {}) => {
      assert.equal((await load(page, model, {})).code, undefined);
      await complete(page, { prompt: 'x', ...request });
      const { prompt: _, ...rest } = await page.evaluate(() => /** @type {any} */ (globalThis).asked.at(-1));
      return rest;
    };
    assert.deepEqual(await asked('qwen3-0.6b'), { temperature: 0.6, top_p: 0.95, top_k: 20, min_p: 0 });
    assert.deepEqual(await asked('qwen3-0.6b', { temperature: 0, top_k: null, seed: 3 }), {
      temperature: 0,
      top_p: 0.95,
      top_k: 20,
      min_p: 0,
      seed: 3,
    });
    assert.deepEqual(await asked({ id: 'own', files: [{ url: '/tiny.gguf' }], sampling: { temperature: 0.3 } }), {
      temperature: 0.3,
    });
    assert.deepEqual(await asked('/tiny.gguf'), {});
    assert.deepEqual(await asked('phi-4-mini-instruct'), {}, 'its recommended sampling is unknown');
  });

  test('bytes, streams and proxies are loaded; anything else is rejected without a worker', async (t) => {
    const { page } = await fresh(t);
    await call(page, 'add', { id: 'our-own', name: 'Our own', files: [{ url: '/tiny.gguf', name: 'own.gguf' }] });
    const results = await page.evaluate(async () => {
      const { linnet } = /** @type {any} */ (globalThis);
      const response = () => fetch('/tiny.gguf');
      const wrapped = (value) =>
        new Proxy(value, {
          get(target, name) {
            const held = Reflect.get(target, name);
            return typeof held === 'object' && held !== null ? wrapped(held) : held;
          },
        });
      const bytes = await (await response()).arrayBuffer();
      const sources = {
        buffer: bytes,
        array: new Uint8Array(bytes),
        blob: new Blob([bytes]),
        response: await response(),
        stream: (await response()).body,
        entry: wrapped({ id: 'wrapped', files: [{ url: '/tiny.gguf' }] }),
        id: 'our-own',
        address: '/tiny.gguf',
      };
      const found = {};
      for (const [kind, source] of Object.entries(sources)) {
        const engine = await linnet.Linnet.load(source, { backend: 'cpu' });
        const ask = (model) =>
          engine.completions.create(wrapped({ prompt: 'a \ud800', max_tokens: 1, model, stop: ['\ud83d'] }));
        const { name } = engine.info().model;
        const answer = await ask(name);
        const others = ['our-own', 'own.gguf', '/tiny.gguf', engine.info().model.general_name];
        if (['id', 'address'].includes(kind)) for (const other of others) await ask(other);
        found[kind] = [answer.model, name === answer.model];
        engine.dispose();
      }
      const read = await response();
      await read.text();
      const refused = [undefined, null, 7, {}, [], 'nonsense', new Proxy(new Blob(), {}), new Map(), read];
      const errors = [];
      const refusal = ({ code, details }) => errors.push(`${code} ${details.field}`);
      for (const source of refused) await linnet.Linnet.load(source, { backend: 'cpu' }).catch(refusal);
      for (const options of [
        { signal: {} },
        { signal: new Proxy(new AbortController().signal, {}) },
        { onProgress: 1 },
      ]) {
        await linnet.Linnet.load('/tiny.gguf', options).catch(refusal);
        await linnet.models.download('/tiny.gguf', options).catch(refusal);
      }
      return { found, errors };
    });
    const general = results.found.buffer[0];
    for (const kind of ['buffer', 'array', 'blob', 'response', 'stream'])
      assert.deepEqual(results.found[kind], [general, true], kind);
    assert.deepEqual(
      [results.found.entry[0], results.found.id[0], results.found.address[0]],
      ['wrapped', 'Our own', 'Our own'],
    );
    const model = 'invalid-request model';
    const [signal, progress] = ['invalid-request signal', 'invalid-request onProgress'];
    assert.deepEqual(results.errors, [...Array(9).fill(model), signal, signal, signal, signal, progress, progress]);
    const session = await page.createCDPSession();
    const workers = async () =>
      (await session.send('Target.getTargets', { filter: [{}] })).targetInfos.filter(({ type }) => type === 'worker')
        .length;
    while ((await workers()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  });
});
