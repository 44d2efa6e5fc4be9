// The wasm module that a page loads, and its number of threads. A missing feature costs only speed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import {
  complete,
  load,
  MODEL_ID,
  nativeTokens,
  noModel,
  openBlank,
  packageFile,
  referenceFile,
  startServer,
  STRICT_CSP,
} from '../../support/harness.mjs';

const MODEL = referenceFile('tiny', 'qwen3', 'model.gguf');
const PROMPT = JSON.parse(readFileSync(referenceFile('tiny', 'qwen3', 'meta.json'), 'utf8')).text;
const COUNT = 24;
/** Allows the engine's worker and its imports, but not its threads. */
const ALLOWED = ['worker.js', 'linnet.js'].map((file) => `http://127.0.0.1:*/linnet/${file}`).join(' ');
const NO_THREADS = STRICT_CSP.replace("worker-src 'self'", `worker-src ${ALLOWED}`);

/** Put before the engine's worker: an adapter that looks real, but gives no device. */
const FAILING_GPU = `let asked = 0;
const adapter = { info: { isFallbackAdapter: false }, limits: {}, features: new Set() };
Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: async () => (asked++ ? null : adapter) } });
`;

/** The file of each module. */
const FILES = {
  simd128: 'linnet_bg.wasm',
  'simd128-threads': 'linnet_threads_bg.wasm',
  'relaxed-simd': 'linnet_relaxed_bg.wasm',
  'relaxed-simd-threads': 'linnet_relaxed_threads_bg.wasm',
};

const cases = [
  { name: 'an isolated page', threads: 2, expected: ['simd128-threads', 2] },
  {
    name: 'an isolated page, with relaxed SIMD',
    server: { relaxedSimd: true },
    threads: 2,
    expected: ['relaxed-simd-threads', 2],
  },
  {
    name: 'an isolated page under a strict policy',
    server: { csp: STRICT_CSP },
    threads: 2,
    expected: ['simd128-threads', 2],
  },
  { name: 'an isolated page with one thread requested', threads: 1, expected: ['simd128', 1] },
  { name: 'a page that is not isolated', server: { isolated: false }, threads: 2, expected: ['simd128', 1] },
  {
    name: 'a page that is not isolated, with relaxed SIMD',
    server: { isolated: false, relaxedSimd: true },
    threads: 2,
    expected: ['relaxed-simd', 1],
  },
  {
    name: 'a page whose policy forbids the threads',
    server: { csp: NO_THREADS },
    threads: 2,
    expected: ['simd128-threads', 1],
  },
  {
    name: 'a site without the script of the threads',
    fault: '/linnet/thread.js',
    threads: 2,
    expected: ['simd128-threads', 1],
  },
];

/**
 * The stack of a thread that waits for work: its script, the wasm's `work`, and the waiting loop.
 */
const RESTING_FRAMES = 6;

/** Ends a thread during its work without an event, as a browser does when memory is short. */
async function endThread(browser, url) {
  const session = await browser.target().createCDPSession();
  const { targetInfos } = await session.send('Target.getTargets', { filter: [{}] });
  const { targetId } = targetInfos.find((target) => target.type === 'worker' && target.url === url);
  const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: true });
  const thread = session.connection().session(sessionId);
  await thread.send('Debugger.enable');
  for (;;) {
    const paused = new Promise((resolve) => thread.once('Debugger.paused', resolve));
    await thread.send('Debugger.pause');
    const { callFrames } = await paused;
    if (callFrames.length > RESTING_FRAMES) break;
    await thread.send('Debugger.resume');
  }
  const ended = thread.send('Runtime.terminateExecution');
  await thread.send('Debugger.resume');
  await ended;
}

describe('modules and threads', { timeout: 600_000 }, () => {
  let browser;
  let expected;
  before(async () => {
    browser = await chromium({ webgpu: false });
    expected = nativeTokens(PROMPT, COUNT, MODEL);
    assert.equal(expected?.length, COUNT, 'the native binary works');
  });
  after(() => browser?.close());

  for (const {
    name,
    server: options = {},
    fault,
    threads,
    expected: [module, count],
  } of cases) {
    test(name, async (t) => {
      const server = await startServer({ relaxedSimd: false, ...options, files: { '/model.gguf': MODEL } });
      t.after(() => server.close());
      if (fault) server.faults.set(fault, { status: 404 });
      const page = await openBlank(browser, server);
      t.after(() => page.close());
      const info = await load(page, '/model.gguf', { backend: 'cpu', threads, contextLength: 256 });
      assert.equal(info.code, undefined, info.message);
      assert.deepEqual([info.module, info.threads], [module, count]);
      const fetched = server.requests.map(({ path }) => path).filter((path) => path.endsWith('.wasm'));
      assert.deepEqual(fetched, [`/linnet/${FILES[module]}`]);
      const answer = await complete(page, { prompt: PROMPT, max_tokens: COUNT, temperature: 0, ignore_eos: true });
      assert.deepEqual(answer.choices?.[0].tokens, expected, answer.message);
    });
  }

  test('an isolated page uses threads if its GPU fails while the model loads', async (t) => {
    const worker = Buffer.from(FAILING_GPU + readFileSync(packageFile('worker.js'), 'utf8'));
    const server = await startServer({ files: { '/model.gguf': MODEL, '/linnet/worker.js': worker } });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const info = await load(page, '/model.gguf', { backend: 'auto', threads: 2, contextLength: 256 });
    assert.equal(info.code, undefined, info.message);
    assert.deepEqual([info.backend, info.fallback?.code], ['cpu', 'no-webgpu']);
    assert.equal(info.fallback.details.gpu, undefined, 'the GPU was tried');
    assert.match(info.module, /^(simd128|relaxed-simd)-threads$/);
    assert.equal(info.threads, 2);
    const answer = await complete(page, { prompt: PROMPT, max_tokens: COUNT, temperature: 0, ignore_eos: true });
    assert.deepEqual(answer.choices?.[0].tokens, expected, answer.message);
  });

  test('a silent worker is replaced', async (t) => {
    const server = await startServer({ files: { '/model.gguf': MODEL, '/silent.js': Buffer.from('') } });
    t.after(() => server.close());
    const page = await browser.newPage();
    t.after(() => page.close());
    await page.evaluateOnNewDocument(() => {
      const { Worker, setTimeout } = globalThis;
      const addresses = [];
      const Silent = class extends Worker {
        constructor(address, options) {
          super(addresses.length === 0 ? '/silent.js' : address, options);
          addresses.push(String(address));
        }
      };
      // The test does not wait fifteen seconds.
      const hasty = (f, ms = 0, ...rest) => setTimeout(f, ms >= 10_000 ? ms / 20 : ms, ...rest);
      Object.assign(globalThis, { addresses, Worker: Silent, setTimeout: hasty });
    });
    await page.goto(`${server.origin}/blank.html`);
    await page.waitForFunction('window.linnet');
    const info = await load(page, '/model.gguf', { backend: 'cpu', threads: 2, contextLength: 256 });
    assert.deepEqual([info.code, info.threads], [undefined, 2], info.message);
    assert.deepEqual(await page.evaluate('addresses'), [
      `${server.origin}/linnet/worker.js`,
      `${server.origin}/linnet/worker.js`,
    ]);
    const answer = await complete(page, { prompt: PROMPT, max_tokens: COUNT, temperature: 0, ignore_eos: true });
    assert.deepEqual(answer.choices?.[0].tokens, expected, answer.message);
  });

  test('a thread that is ended during its work fails the answer after ten seconds; a reload works', {
    skip: noModel,
  }, async (t) => {
    const server = await startServer();
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const short = { prompt: 'The linnet is', max_tokens: 8, temperature: 0, ignore_eos: true };
    const options = { backend: 'cpu', threads: 2, contextLength: 4096 };
    const info = await load(page, MODEL_ID, options);
    assert.deepEqual([info.code, info.threads], [undefined, 2], info.message);
    const right = await complete(page, short);

    const answer = complete(page, { ...short, prompt: 'The linnet is a small bird. '.repeat(300) });
    await endThread(browser, `${server.origin}/linnet/thread.js`);
    const began = performance.now();
    const { code, message } = await answer;
    const waited = performance.now() - began;
    t.diagnostic(`after ${Math.round(waited)} ms`);
    assert.deepEqual([code, message], ['internal', 'The engine stopped working and must be loaded again.']);
    assert.ok(waited > 9000, 'the engine waits for a slow thread');
    assert.equal((await complete(page, short)).code, 'internal', 'a thread may still write to the memory');

    const again = await load(page, MODEL_ID, options);
    assert.deepEqual([again.code, again.threads], [undefined, 2], again.message);
    assert.deepEqual((await complete(page, short)).choices, right.choices);
  });

  test('dispose ends an engine’s threads', async (t) => {
    const server = await startServer({ files: { '/model.gguf': MODEL } });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const session = await browser.target().createCDPSession();
    const workers = async () =>
      (await session.send('Target.getTargets', { filter: [{}] })).targetInfos.filter(
        ({ type, url }) => type === 'worker' && url.startsWith(server.origin),
      ).length;
    const info = await load(page, '/model.gguf', { backend: 'cpu', threads: 2, contextLength: 256 });
    assert.equal(info.threads, 2);
    const before = await workers();
    assert.ok(before > 0);
    await page.evaluate(() => /** @type {any} */ (globalThis).engine.dispose());
    while ((await workers()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    t.diagnostic(`${before} workers before`);
  });
});
