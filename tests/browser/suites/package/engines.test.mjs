// The basics in Firefox and WebKitGTK; Chromium's suites test them in depth. WebKitGTK stores no files and, by default,
// shares no memory, so it represents browsers that lack these features.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { firefox } from '../../support/engines.mjs';
import {
  complete,
  engineState,
  load,
  MODEL_BYTES,
  MODEL_ID,
  nativeTokens,
  noModel,
  referenceFile,
  startServer,
  STRICT_CSP,
} from '../../support/harness.mjs';
import { noWebKit, webkit } from '../../support/webkit.mjs';

const PROMPT = 'The capital of France is';
const COUNT = 16;
/** A random model, and a prompt for it. */
const TINY = referenceFile('tiny', 'qwen3', 'model.gguf');
const TEXT = JSON.parse(readFileSync(referenceFile('tiny', 'qwen3', 'meta.json'), 'utf8')).text;
/** Whether the element shows a part, as a function for the page. */
const shows = (selector) =>
  !!document.querySelector('linnet-chat')?.shadowRoot?.querySelector(selector)?.checkVisibility();

const FILES = {
  '/tiny.gguf': TINY,
  '/chat.html': Buffer.from(`<!doctype html><html lang="en"><meta charset="utf-8"><title>test</title>
    <script type="module" src="/linnet/element.js"></script>
    <linnet-chat model="${MODEL_ID}" model-base="/models/" backend="cpu" context-length="512" max-tokens="12"
      temperature="0"></linnet-chat>`),
  '/prompt.html': Buffer.from(
    '<!doctype html><meta charset="utf-8"><title>test</title><script type="module" src="/prompt.mjs"></script>',
  ),
  '/prompt.mjs': Buffer.from(`import { installLanguageModel } from '/linnet/prompt-api.js';
    const options = { modelBase: '/models/', backend: 'cpu', contextLength: 512 };
    window.installed = await installLanguageModel({ preferBuiltIn: true, ...options });`),
};

/**
 * `stores`: whether models are stored; `threads`: the minimum on an isolated page; `gpu`: whether there is WebGPU.
 */
const ENGINES = [
  { name: 'Firefox', open: openFirefox, stores: true, threads: 2, gpu: true, skip: false },
  { name: 'WebKitGTK', open: () => webkit(), stores: false, threads: 1, gpu: false, skip: noWebKit },
  {
    name: 'WebKitGTK with shared memory',
    open: () => webkit({ sharedMemory: true }),
    stores: false,
    threads: 2,
    gpu: false,
    skip: noWebKit,
  },
];

/** A page that closes its browser when it is closed. */
async function openFirefox() {
  const browser = await firefox({ webgpu: true });
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error('error in the page:', String(error)));
  return Object.assign(page, { close: () => browser.close() });
}

for (const { name, open, stores, threads, gpu, skip } of ENGINES) {
  describe(name, { skip: skip || noModel, timeout: 300_000 }, () => {
    let server;
    let page;
    before(async () => {
      server = await startServer({ csp: STRICT_CSP, files: FILES });
      page = await open();
    });
    after(async () => {
      await page?.close();
      await server?.close();
    });
    const visit = async (path, ready = 'window.linnet') => {
      await page.goto(server.origin + path);
      await page.waitForFunction(ready);
    };

    test('the real model has the native tokens under a strict policy', async (t) => {
      await visit('/blank.html');
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      const since = performance.now();
      const info = await load(page, MODEL_ID, { backend: 'cpu', contextLength: 512 });
      t.diagnostic(`loaded in ${((performance.now() - since) / 1000).toFixed(1)} s, ${info.threads} threads`);
      assert.equal(info.code, undefined, info.message);
      assert.deepEqual(
        [info.backend, info.origin, info.stored, info.notStored?.code],
        ['cpu', 'network', stores, stores ? undefined : 'no-storage'],
      );
      assert.deepEqual(
        [info.module.endsWith('-threads'), info.threads >= threads],
        [threads > 1, true],
        `${info.module}, ${info.threads} threads`,
      );
      assert.equal(server.count('.gguf'), Math.ceil(MODEL_BYTES / (4 << 20)));
      const answer = await complete(page, { prompt: PROMPT, max_tokens: COUNT, temperature: 0, ignore_eos: true });
      assert.equal(answer.code, undefined, answer.message);
      const expected = nativeTokens(PROMPT, COUNT);
      await t.test(
        'the native binary gives the same tokens',
        { skip: expected ? false : 'skipped: there is no native binary' },
        () => {
          assert.deepEqual(answer.choices[0].tokens, expected);
        },
      );
    });

    test('a chat gets an answer, and the streamed answer is the same', async () => {
      const { whole, streamed, pieces } = await page.evaluate(async () => {
        const { chat } = /** @type {any} */ (globalThis).engine;
        const request = {
          messages: [{ role: 'user', content: 'What is the capital of France?' }],
          temperature: 0,
          max_tokens: 12,
        };
        const whole = (await chat.completions.create(request)).choices[0].message.content;
        const pieces = [];
        for await (const { choices } of chat.completions.create({ ...request, stream: true }))
          pieces.push(choices[0].delta.content ?? '');
        return { whole, streamed: pieces.join(''), pieces: pieces.length };
      });
      assert.match(whole, /Paris/);
      assert.equal(streamed, whole);
      assert.ok(pieces > 3, `${pieces} pieces`);
    });

    test('the signal and leaving the loop end an answer', async () => {
      const { stopped, left } = await page.evaluate(async () => {
        const { completions } = /** @type {any} */ (globalThis).engine;
        const endless = { prompt: 'Once upon a time', temperature: 0, ignore_eos: true, stream: true };
        const stop = new AbortController();
        let seen = 0;
        let atStop = 0;
        const stopped = await (async () => {
          for await (const { choices } of completions.create({ ...endless, signal: stop.signal })) {
            seen += choices[0].tokens.length;
            if (seen !== 4) continue;
            atStop = seen;
            stop.abort();
          }
        })().then(
          () => 'not',
          ({ code, details }) => ({ code, after: seen - atStop, more: details.usage.completion_tokens - atStop }),
        );
        for await (const { choices } of completions.create(endless)) if (choices[0].tokens.length > 0) break;
        const left = await completions.create({ prompt: 'A', max_tokens: 1 });
        return { stopped, left: left.usage.completion_tokens };
      });
      assert.deepEqual({ ...stopped, more: stopped.more <= 2 }, { code: 'aborted', after: 0, more: true });
      assert.equal(left, 1);
      await page.evaluate(() => /** @type {any} */ (globalThis).engine.dispose());
    });

    test('code for the Prompt API runs unchanged', async () => {
      await visit('/prompt.html', 'window.installed');
      const { before, answer, streamed, last } = await page.evaluate(async () => {
        const { LanguageModel } = /** @type {any} */ (globalThis);
        const before = await LanguageModel.availability();
        let last = 0;
        const session = await LanguageModel.create({
          initialPrompts: [{ role: 'system', content: 'You answer in one short sentence.' }],
          monitor: (m) => m.addEventListener('downloadprogress', ({ loaded }) => (last = loaded)),
          temperature: 0,
          topK: 1,
        });
        const answer = await session.prompt('What is the capital of France?');
        let streamed = '';
        for await (const piece of session.promptStreaming('And of Italy?')) streamed += piece;
        session.destroy();
        return { before, answer, streamed, last };
      });
      assert.deepEqual([before, last], [stores ? 'available' : 'downloadable', 1]);
      assert.match(answer, /Paris/);
      assert.match(streamed, /Rome/);
    });

    test('the element asks, and answers', async () => {
      await visit('/chat.html', `(${shows})('.launcher')`);
      server.requests.length = 0;
      await page.click('linnet-chat >>> .launcher');
      if (!stores) {
        await page.waitForFunction(shows, {}, '[data-state=consent]');
        assert.equal(server.count('.gguf'), 0);
        await page.click('linnet-chat >>> .accept');
      }
      await page.waitForFunction(shows, { timeout: 120_000 }, '.by[data-by=device]');
      await page.type('linnet-chat >>> .input', 'What is the capital of France?\n');
      await page.waitForFunction(shows, { timeout: 60_000 }, '.actions');
      assert.match(
        await page.evaluate(
          () => document.querySelector('linnet-chat')?.shadowRoot?.querySelector('.body')?.textContent,
        ),
        /Paris/,
      );
      assert.equal(server.count('.gguf') > 0, !stores);
    });

    test('an interrupted download is resumed', async () => {
      await visit('/blank.html');
      const size = statSync(TINY).size;
      const half = Math.floor(size / 2);
      server.requests.length = 0;
      // If files are stored, the visit may end in between. A slow download has arrived when the connection breaks.
      server.faults.set('/tiny.gguf', { breakAt: half, bytesPerSecond: 4e6, ...(stores ? {} : { times: 1 }) });
      if (stores) {
        assert.equal((await load(page, '/tiny.gguf', { backend: 'cpu' })).code, 'network');
        server.faults.clear();
        await visit('/blank.html');
      }
      const info = await load(page, '/tiny.gguf', { backend: 'cpu' });
      assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', stores], info.message);
      const ranges = server.requests.filter(({ path }) => path === '/tiny.gguf').map(({ range }) => range);
      assert.equal(ranges[0], 'bytes=0-4194303');
      // On a busy machine WebKit drops the last piece before the break.
      const [from, to] = ranges.at(-1).match(/\d+/g).map(Number);
      assert.ok(from > half / 2 && from <= half && to === size - 1, ranges.at(-1));
      const answer = await complete(page, { prompt: TEXT, max_tokens: COUNT, temperature: 0, ignore_eos: true });
      assert.deepEqual(answer.choices?.[0].tokens, nativeTokens(TEXT, COUNT, TINY) ?? answer.choices[0].tokens);
    });

    test(
      gpu ? 'WebGPU without subgroups: the native tokens' : 'without WebGPU auto takes the CPU, and says so',
      async () => {
        await visit('/blank.html');
        const info = await load(page, '/tiny.gguf', { backend: 'webgpu', contextLength: 512 });
        if (!gpu) {
          assert.equal(info.code, 'no-webgpu');
          const other = await load(page, '/tiny.gguf', { contextLength: 512 });
          assert.deepEqual(
            [other.backend, other.fallback?.code, other.fallback?.details.gpu],
            ['cpu', 'no-webgpu', 'none'],
          );
          return;
        }
        assert.deepEqual([info.code, info.backend], [undefined, 'webgpu'], info.message);
        const answer = await complete(page, { prompt: TEXT, max_tokens: COUNT, temperature: 0, ignore_eos: true });
        assert.deepEqual(
          answer.choices?.[0].tokens,
          nativeTokens(TEXT, COUNT, TINY) ?? answer.choices[0].tokens,
          answer.message,
        );
      },
    );

    test('every shader compiles, including those with f16', {
      skip: gpu ? false : 'skipped: there is no WebGPU',
    }, async (t) => {
      const { f16, others, refused } = await page.evaluate(async () => {
        const module = await import(/** @type {string} */ ('/linnet/linnet.js'));
        await module.default({
          module_or_path: fetch('/linnet/linnet_bg.wasm'),
          memory: new WebAssembly.Memory({ initial: 64 }),
        });
        const adapter = await navigator.gpu.requestAdapter();
        const device = await adapter?.requestDevice({ requiredFeatures: ['shader-f16'] });
        const all = /** @type {[string, string][]} */ (JSON.parse(module.shaderVariants()));
        const variants = all.filter(([, code]) => !/^enable subgroups/m.test(code));
        const refused = [];
        for (const [name, code] of variants) {
          const info = await device?.createShaderModule({ code }).getCompilationInfo();
          for (const { type, lineNum, message } of info?.messages ?? [])
            if (type === 'error') refused.push(`${name}, line ${lineNum}: ${message}`);
        }
        const f16 = variants.filter(([, code]) => /^enable f16/m.test(code)).length;
        return { f16, others: variants.length - f16, refused };
      });
      t.diagnostic(`${f16} variants with f16, ${others} others`);
      assert.ok(f16 > 5 && others > 20, `${f16} with f16, ${others} others`);
      assert.deepEqual(refused, []);
    });

    test('a policy that forbids the worker is reported as blocked', async (t) => {
      const site = await startServer({ csp: STRICT_CSP.replace("worker-src 'self'", "worker-src 'none'") });
      t.after(() => site.close());
      await page.goto(`${site.origin}/blank.html`);
      await page.waitForFunction('window.linnet');
      const { code, details } = await load(page, MODEL_ID, { backend: 'cpu' });
      assert.deepEqual([code, details.needs], ['blocked', 'worker-src']);
    });

    test('the site needs no network after the first visit', async (t) => {
      const site = await startServer({ csp: STRICT_CSP });
      t.after(() => site.close());
      await page.goto(`${site.origin}/?backend=cpu&temperature=0&max=24`);
      await engineState(page, 'ready', 90_000);
      await page.waitForFunction(async () => {
        for (const name of await caches.keys())
          for (const { url } of await (await caches.open(name)).keys()) if (url.endsWith('.wasm')) return true;
        return false;
      });
      await page.goto('about:blank');
      await site.close();

      await page.goto(`${site.origin}/?backend=cpu&temperature=0&max=24`);
      if (stores) {
        await engineState(page, 'ready', 90_000);
        await page.type('#prompt', 'What is the capital of France?\n');
        await page.waitForFunction(() => /Paris/.test(document.querySelector('.assistant .text')?.textContent ?? ''), {
          timeout: 60_000,
        });
      } else {
        // The page works and names what is missing.
        await engineState(page, 'failed', 90_000);
        assert.equal(await page.evaluate(() => document.getElementById('notice')?.dataset.code), 'network');
      }
      for (const other of ['bench', 'diagnostics', 'embed']) {
        await page.goto(`${site.origin}/${other}.html`);
        assert.equal(
          await page.evaluate(() => document.querySelector('nav [aria-current=page]')?.textContent?.toLowerCase()),
          other,
        );
      }
    });
  });
}
