// A missing file of the package: the error has its address, the status and what to do.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { load, openBlank, referenceFile, startServer } from '../../support/harness.mjs';

const WASM = ['linnet_bg.wasm', 'linnet_relaxed_bg.wasm'];

describe('a part of the package is missing', { timeout: 120_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium({ webgpu: false });
  });
  after(() => browser?.close());

  for (const [name, files, fault, code, status, remedy] of /** @type {const} */ ([
    ['the worker is missing', ['worker.js'], { status: 404 }, 'not-found', 404, /dist folder/],
    ['the worker is forbidden', ['worker.js'], { status: 403 }, 'http', 403, /server\.fs\.allow/],
    [
      'a page is sent instead of the worker',
      ['worker.js'],
      { page: '<!doctype html>Welcome' },
      'not-found',
      200,
      /something else \(text\/html.*dist folder/,
    ],
    [
      'a script that the worker imports is missing',
      ['linnet.js'],
      { status: 404 },
      'not-found',
      undefined,
      /imports could not be loaded.*dist folder/,
    ],
    ['the wasm is missing', WASM, { status: 404 }, 'not-found', 404, /dist folder/],
    ['the wasm is forbidden', WASM, { status: 403 }, 'http', 403, /server\.fs\.allow/],
    [
      'a page is sent instead of the wasm',
      WASM,
      { page: '<!doctype html>Welcome' },
      'not-found',
      200,
      /something else \(text\/html.*dist folder/,
    ],
    ['the server fails', WASM, { status: 500 }, 'http', 500, /Try again later/],
    ['the download of the wasm breaks', WASM, { breakAt: 1000 }, 'network', undefined, /Check the connection/],
  ])) {
    test(name, async (t) => {
      const server = await startServer({ isolated: false, files: { '/model.gguf': Buffer.from('no model') } });
      t.after(() => server.close());
      for (const file of files) server.faults.set(`/linnet/${file}`, fault);
      const page = await openBlank(browser, server);
      t.after(() => page.close());
      const { code: found, message, details } = await load(page, '/model.gguf', { backend: 'cpu' });
      assert.deepEqual([found, details.status], [code, status], message);
      assert.match(message, remedy);
      assert.equal(details.part, 'engine');
      assert.ok(details.url.startsWith(`${server.origin}/linnet/`) && message.includes(details.url), message);
    });
  }

  for (const [part, files] of /** @type {const} */ ([
    ['the worker', ['worker.js']],
    ['a script that the worker imports', ['linnet.js']],
    ['the wasm', [...WASM, 'linnet_threads_bg.wasm', 'linnet_relaxed_threads_bg.wasm']],
    ['the script of a thread', ['thread.js']],
  ])) {
    test(`${part} breaks off once, and is loaded again`, async (t) => {
      const model = referenceFile('tiny', 'qwen3', 'model.gguf');
      const server = await startServer({ isolated: true, files: { '/model.gguf': model } });
      t.after(() => server.close());
      for (const file of files) server.faults.set(`/linnet/${file}`, { breakAt: 100, times: 1 });
      const page = await openBlank(browser, server);
      t.after(() => page.close());
      const { code, message, threads } = await load(page, '/model.gguf', { backend: 'cpu', threads: 2 });
      assert.deepEqual([code, threads], [undefined, 2], message);
      const fetched = server.requests.filter(({ path }) => files.some((file) => path === `/linnet/${file}`));
      assert.ok(fetched.length > 1, JSON.stringify(fetched));
    });
  }
});
