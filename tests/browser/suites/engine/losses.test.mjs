// A GPU that is lost during an answer: the answer continues with the same tokens.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { load, MODEL, noModel, openBlank, packageFile, referenceFile, startServer } from '../../support/harness.mjs';

// Up to 16 tokens arrive at once while the next ones are computed. Some must still be missing when the first ones are
// seen.
const REQUEST = { prompt: 'The capital of France is', max_tokens: 160, temperature: 0, ignore_eos: true };
const TINY = '/tiny.gguf';

/** The worker, which destroys its device when the page says so. Its GPU looks like hardware. */
const worker = `
const devices = [];
const { requestDevice } = GPUAdapter.prototype;
GPUAdapter.prototype.requestDevice = async function (...descriptor) {
  const device = await requestDevice.apply(this, descriptor);
  devices.push(device);
  return device;
};
Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });
new BroadcastChannel('test').onmessage = () => devices.at(-1).destroy();
${readFileSync(packageFile('worker.js'), 'utf8')}`;

describe('a lost device', { timeout: 900_000 }, () => {
  let browser;
  let server;
  /** @type {string | undefined} */
  let expected;
  /** The page of the first two tests. */
  let whole;
  let asked = 0;
  before(async () => {
    browser = await chromium();
    server = await startServer({
      files: { '/linnet/worker.js': Buffer.from(worker), [TINY]: referenceFile('tiny', 'qwen3', 'model.gguf') },
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Opens a page and loads the model. */
  async function open(model, backend) {
    const page = await openBlank(browser, server);
    const loaded = await load(page, model, { backend, contextLength: 512 });
    assert.deepEqual([loaded.code, loaded.backend], [undefined, 'webgpu'], loaded.message);
    return page;
  }

  /**
   * Runs an answer in a page; `onToken` is called in Node with the number of each token. Returns the text, the finish
   * reason, the backend at the end, and the number of downloads of the model.
   */
  async function answer(page, onToken, request = REQUEST) {
    server.requests.length = 0;
    const name = `onToken${asked++}`;
    await page.exposeFunction(name, onToken);
    const ask = async (request, name) => {
      const { engine, [name]: onToken } = /** @type {any} */ (globalThis);
      const destroy = new BroadcastChannel('test');
      let [text, tokens, code] = ['', 0, 'none'];
      try {
        for await (const chunk of engine.completions.create({ ...request, stream: true })) {
          text += chunk.choices[0]?.text ?? '';
          if ((await onToken(++tokens)) === 'destroy') destroy.postMessage('');
        }
      } catch (/** @type {any} */ error) {
        code = error.code ?? String(error);
      }
      return { text, code, info: engine.info() };
    };
    return { ...(await page.evaluate(ask, request, name)), fetched: server.count('.gguf') };
  }

  test('destroyed once: the answer is the same, and the weights are loaded from the store', async () => {
    const page = (whole = await open(TINY, 'webgpu'));
    expected = (await answer(page, () => '')).text;
    assert.ok((expected ?? '').length > 40, expected);
    const { text, code, info, fetched } = await answer(page, (n) => (n === 5 ? 'destroy' : ''));
    assert.deepEqual([code, text, info.backend, info.origin, fetched], ['none', expected, 'webgpu', 'cache', 0]);
  });

  test('the GPU process crashes after that: the same', async () => {
    const session = await browser.target().createCDPSession();
    const crash = async (n) => {
      if (n === 5) await session.send('Browser.crashGpuProcess').catch(() => {});
      return '';
    };
    const { text, code, info, fetched } = await answer(whole, crash);
    assert.deepEqual([code, text, info.backend, fetched], ['none', expected, 'webgpu', 0]);
    await whole.close();
  });

  test('destroyed twice in a row: device-lost if the CPU may not take over', async (t) => {
    const page = await open(TINY, 'webgpu');
    t.after(() => page.close());
    const { text, code } = await answer(page, (n) => (n === 4 || n === 70 ? 'destroy' : ''));
    assert.equal(code, 'device-lost');
    assert.ok(expected?.startsWith(text) && text.length > 0, text);
  });

  // The CPU rounds differently, but a real model still gives the same tokens.
  test('destroyed twice in a row: the CPU takes over if it may', { skip: noModel }, async (t) => {
    const page = await open(`/models/${MODEL}`, 'auto');
    t.after(() => page.close());
    const request = { ...REQUEST, max_tokens: 32 };
    const whole = await answer(page, () => '', request);
    const { text, code, info, fetched } = await answer(page, (n) => (n === 4 || n === 8 ? 'destroy' : ''), request);
    assert.deepEqual(
      [code, text, info.backend, info.fallback?.code, fetched],
      ['none', whole.text, 'cpu', 'device-lost', 0],
    );
  });
});

/**
 * The worker, which computes forever within a prompt or a model that the page names, and does not respond then.
 */
const stuck = `
const { postMessage } = globalThis;
globalThis.postMessage = (message) => {
  postMessage(message);
  while (globalThis.stuckLoading && message.progress?.phase === 'prepare');
};
addEventListener('message', ({ data }) => {
  globalThis.stuckLoading = data.type === 'load' && data.model[0].urls?.[0].endsWith('?stuck');
  while (data.type === 'generate' && data.request.includes('stuck'));
});
${readFileSync(packageFile('worker.js'), 'utf8')}`;

describe('a worker that does not respond', { timeout: 300_000 }, () => {
  let browser;
  let server;
  before(async () => {
    browser = await chromium();
    server = await startServer({
      files: { '/linnet/worker.js': Buffer.from(stuck), [TINY]: referenceFile('tiny', 'qwen3', 'model.gguf') },
    });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  test('a load ends within a second of its abort', async () => {
    const page = await openBlank(browser, server);
    const [code, milliseconds] = await page.evaluate(async (model) => {
      const { linnet } = /** @type {any} */ (globalThis);
      const abort = new AbortController();
      let began = 0;
      const onProgress = ({ phase }) => {
        if (phase !== 'prepare' || began) return;
        setTimeout(() => abort.abort((began = performance.now())), 300);
      };
      const why = await linnet.Linnet.load(model, { backend: 'cpu', onProgress, signal: abort.signal }).catch(
        (error) => error.code,
      );
      return [why, performance.now() - began];
    }, `${TINY}?stuck`);
    assert.equal(code, 'aborted');
    assert.ok(milliseconds < 1000, `${milliseconds}`);
    // The silent worker is ended, and its memory and file are free again.
    const loaded = await load(page, `${TINY}`, { backend: 'cpu' });
    assert.equal(loaded.backend, 'cpu', loaded.message);
    await page.close();
  });

  for (const storage of ['auto', 'none']) {
    test(`an answer ends within a second of its abort; a new worker continues (storage: ${storage})`, async () => {
      const page = await openBlank(browser, server);
      assert.equal((await load(page, TINY, { backend: 'cpu', storage })).code, undefined);
      const [before, code, milliseconds, waited, after] = await page.evaluate(
        async (request) => {
          const { engine } = /** @type {any} */ (globalThis);
          const textOf = async (more = {}) =>
            (await engine.completions.create({ ...request, ...more })).choices[0].text;
          const text = await textOf();
          const abort = new AbortController();
          const hanging = textOf({ prompt: 'stuck', signal: abort.signal }).catch((error) => error.code);
          const waiting = textOf();
          await new Promise((resolve) => setTimeout(resolve, 200));
          const began = performance.now();
          abort.abort();
          const why = await hanging;
          const took = performance.now() - began;
          return [text, why, took, await waiting, await textOf({ busy: 'refuse' })];
        },
        { ...REQUEST, max_tokens: 8 },
      );
      assert.equal(code, 'aborted');
      assert.ok(milliseconds < 1000, `${milliseconds}`);
      assert.deepEqual([waited, after], [before, before]);
      await page.close();
    });
  }
});
