// Each failure of a model has an error code and a sentence on the page, and the next try works.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { gguf } from '../../support/gguf.mjs';
import {
  ask,
  engineState,
  MODEL,
  MODEL_BYTES,
  noModel,
  notice,
  openPage,
  press,
  startServer,
} from '../../support/harness.mjs';

const ADDRESS = `/models/${MODEL}`;
/** The bytes of one request. */
const CHUNK = 4 << 20;
/** The first bytes of the requests for the model. */
const startsOf = (server) =>
  server.requests.filter(({ path }) => path === ADDRESS).map(({ range }) => Number(range.slice(6).split('-')[0]));
/** Whether a request resumes a download that broke half-way. Bytes in transit may be lost with the connection. */
const goesOn = (start) => start > MODEL_BYTES / 2 - CHUNK && start <= MODEL_BYTES / 2 && start % CHUNK > 0;

describe('failures', { skip: noModel, timeout: 1_800_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  /** A page whose model fails in that way, on its own origin, so that tests do not share a store. */
  async function open(t, fault, { query = `?model=${ADDRESS}&backend=cpu`, files = {} } = {}) {
    const server = await startServer({ files });
    t.after(() => server.close());
    if (fault) server.faults.set(ADDRESS, fault);
    const page = await openPage(browser, `${server.origin}/${query}`);
    t.after(() => page.close());
    return { server, page };
  }

  /** Checks that the same page works once the cause is gone. */
  async function nextTryWorks(page) {
    await press(page, 'Try again');
    await engineState(page, 'ready');
    assert.equal(await page.$eval('#notice', (element) => /** @type {HTMLElement} */ (element).hidden), true);
  }

  test('a connection that breaks half-way is resumed automatically', async (t) => {
    const { server, page } = await open(t, { breakAt: MODEL_BYTES / 2, times: 1 });
    await engineState(page, 'ready');
    const starts = startsOf(server);
    assert.equal(starts.length, Math.ceil(MODEL_BYTES / CHUNK) + 1);
    assert.equal(starts.filter(goesOn).length, 1, `${starts}`);
  });

  test('a connection that breaks half-way and cannot be resumed: network', async (t) => {
    const { server, page } = await open(t, { breakAt: MODEL_BYTES / 2, noRange: true });
    const { code, text } = await notice(page);
    assert.equal(code, 'network');
    // Bytes in transit may be lost with the connection.
    assert.match(text, /connection broke after 4[89]\.\d MB/);
    server.faults.clear();
    await nextTryWorks(page);
  });

  test('what arrived before a break is not fetched again', async (t) => {
    const { server, page } = await open(t, { breakAt: MODEL_BYTES / 2 });
    assert.equal((await notice(page)).code, 'network');
    server.faults.clear();
    server.requests.length = 0;
    await nextTryWorks(page);
    const starts = startsOf(server);
    assert.ok(goesOn(Math.min(...starts)), `${starts}`);
    assert.equal(starts.length, Math.ceil(MODEL_BYTES / CHUNK) - Math.floor(MODEL_BYTES / 2 / CHUNK));
  });

  test('no server: network', async (t) => {
    const { page } = await open(t, undefined, { query: '?model=http://127.0.0.1:9/x.gguf&backend=cpu' });
    await press(page, 'Download');
    await page.waitForSelector('#notice[data-code=network]', { timeout: 60_000 });
    const { code, text } = await notice(page);
    assert.equal(code, 'network');
    assert.match(text, /could not be reached/);
  });

  test('404: not-found', async (t) => {
    const { server, page } = await open(t, { status: 404 });
    const { code, text } = await notice(page);
    assert.equal(code, 'not-found');
    assert.match(text, /There is no model at this address/);
    server.faults.clear();
    await nextTryWorks(page);
  });

  test('403: http', async (t) => {
    const { server, page } = await open(t, { status: 403 });
    const { code, text } = await notice(page);
    assert.equal(code, 'http');
    assert.match(text, /refused .*403/);
    server.faults.clear();
    await nextTryWorks(page);
  });

  test('a truncated file: integrity', async (t) => {
    const { server, page } = await open(t, { truncateTo: 60_000_000 });
    const { code, text } = await notice(page);
    assert.equal(code, 'integrity');
    assert.match(text, /incomplete/);
    server.faults.clear();
    await nextTryWorks(page);
  });

  test('a file that ends within its header: integrity', async (t) => {
    const { server, page } = await open(t, { truncateTo: 100_000 });
    assert.equal((await notice(page)).code, 'integrity');
    server.faults.clear();
    await nextTryWorks(page);
  });

  test('a file that is not GGUF: bad-model', async (t) => {
    const files = { '/text.gguf': Buffer.alloc(300_000, 'This is not a model. ') };
    const { page } = await open(t, undefined, { files, query: '?model=text.gguf&backend=cpu' });
    const { code, text } = await notice(page);
    assert.equal(code, 'bad-model');
    assert.match(text, /^This is not a GGUF file: it is a text file, [^.]*\. Check the address of the file\.$/);
  });

  test('a page instead of a model: bad-model, and what to do', async (t) => {
    const files = { '/page.gguf': Buffer.from('<!doctype html><title>Sign in</title>'.padEnd(3000)) };
    const { page } = await open(t, undefined, { files, query: '?model=page.gguf&backend=cpu' });
    const { code, text } = await notice(page);
    assert.equal(code, 'bad-model');
    assert.match(text, /^This is not a GGUF file: it is a web page\. Use the address of the file itself/);
  });

  test('an unsupported architecture: unsupported-architecture, and another model can be chosen', async (t) => {
    const files = { '/mamba.gguf': gguf({ 'general.architecture': 'mamba', 'general.name': 'Mamba' }) };
    const { page } = await open(t, undefined, { files, query: '?model=mamba.gguf&backend=cpu' });
    const { code, text } = await notice(page);
    assert.equal(code, 'unsupported-architecture');
    assert.match(text, /cannot run this kind of model yet \(mamba\)/);
    await press(page, 'Choose another model');
    await page.click('#models [value=smollm2-135m-instruct]');
    await press(page, 'Load');
    await engineState(page, 'ready');
    assert.equal(new URL(page.url()).searchParams.get('model'), null);
  });

  test('a conversation longer than the context: context-full', async (t) => {
    const { page } = await open(t, undefined, { query: '?backend=cpu&context=128' });
    await engineState(page, 'ready');
    const long = 'What is a bird? '.repeat(60);
    await page.$eval('#prompt', (box, long) => void Object.assign(box, { value: long }), long);
    await page.focus('#prompt');
    await page.keyboard.press('Enter');
    const { code, text } = await notice(page);
    assert.equal(code, 'context-full');
    assert.match(text, /too long for the model’s context \(128 tokens\)/);
    assert.equal(
      await page.$eval('#prompt', (box) => /** @type {HTMLTextAreaElement} */ (box).value),
      long.trim(),
      'what was written is not lost',
    );
    await page.$eval('#prompt', (box) => void Object.assign(box, { value: '' }));
    await ask(page, 'Hi');
    await page.waitForFunction(() => (document.querySelector('.assistant .text')?.textContent ?? '').length > 3, {
      timeout: 300_000,
    });
  });

  test('webgpu without a GPU: no-webgpu, and the CPU is offered', async (t) => {
    const bare = await chromium({ webgpu: false });
    t.after(() => bare.close());
    const server = await startServer();
    t.after(() => server.close());
    const page = await openPage(bare, `${server.origin}/?backend=webgpu`);
    assert.equal((await notice(page)).code, 'no-webgpu');
    await press(page, 'Use the CPU');
    await engineState(page, 'ready');
    assert.match(await page.$eval('#stats', (element) => element.textContent ?? ''), /CPU/);
  });
});
