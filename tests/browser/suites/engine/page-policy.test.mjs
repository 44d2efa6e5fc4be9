// The policy of an engine while it answers: hidden pages, wake locks, rests.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { complete, load, MODEL_ID, noModel, openBlank, startServer } from '../../support/harness.mjs';

describe('page policy', { skip: noModel, timeout: 300_000 }, () => {
  let browser;
  let server;
  let page;
  before(async () => {
    browser = await chromium({ webgpu: false });
    server = await startServer();
    page = await openBlank(browser, server);
    const info = await load(page, MODEL_ID, { backend: 'cpu', contextLength: 1024, whenHidden: 'pause' });
    assert.equal(info.code, undefined, info.message);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Starts an answer in the page; `window.seen` counts its tokens. */
  const begin = (request = {}) =>
    page.evaluate((request) => {
      const window = /** @type {any} */ (globalThis);
      window.seen = 0;
      window.stopper = new AbortController();
      window.answer = (async () => {
        const asked = {
          prompt: 'Once upon a time',
          temperature: 0,
          ignore_eos: true,
          stream: true,
          signal: window.stopper.signal,
          ...request,
        };
        for await (const { choices } of window.engine.completions.create(asked))
          window.seen += choices[0].tokens.length;
        return 'done';
      })().catch(({ code }) => code);
    }, request);
  const seen = () => page.evaluate(() => /** @type {any} */ (globalThis).seen);
  const answer = () => page.evaluate(() => /** @type {any} */ (globalThis).answer);
  const beyond = (count) =>
    page.waitForFunction(
      (count) => /** @type {any} */ (globalThis).seen > count,
      { polling: 20, timeout: 60_000 },
      count,
    );
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  test('an answer waits while its page is hidden, if the policy says so, and can be stopped', async () => {
    await begin({ max_tokens: 900 });
    await beyond(10);
    const other = await browser.newPage();
    await other.bringToFront();
    await page.waitForFunction(() => document.visibilityState === 'hidden', { polling: 20 });
    // Tokens in transit arrive, then none for a second.
    let held = -1;
    for (let last = await seen(); last !== held; last = await seen()) {
      held = last;
      await sleep(1000);
    }
    assert.ok(held < 900, `${held} tokens`);
    await page.bringToFront();
    await beyond(held + 20);
    await other.bringToFront();
    await page.evaluate(() => /** @type {any} */ (globalThis).stopper.abort());
    assert.equal(await answer(), 'aborted');

    await begin({ max_tokens: 30, when_hidden: 'go-on' });
    assert.equal(await answer(), 'done');
    await page.bringToFront();
    await other.close();
  });

  test('the screen stays on during a long answer', async () => {
    await page.evaluate(() => {
      const window = /** @type {any} */ (globalThis);
      // An answer of five seconds counts as long; here that time passes quickly.
      const { setTimeout } = window;
      window.setTimeout = (run, ms, ...rest) => setTimeout(run, ms === 5000 ? 300 : ms, ...rest);
      window.locks = [];
      const { wakeLock } = navigator;
      const request = wakeLock.request.bind(wakeLock);
      wakeLock.request = async (type) => {
        const lock = await request(type);
        window.locks.push(lock);
        return lock;
      };
    });
    const locks = () =>
      page.evaluate(() => /** @type {any} */ (globalThis).locks.map(({ type, released }) => [type, released]));
    await begin({ keep_awake: true, pace: 'gentle' });
    await page.waitForFunction(() => /** @type {any} */ (globalThis).locks.length > 0, { polling: 50 });
    assert.deepEqual(await locks(), [['screen', false]]);
    await page.evaluate(() => /** @type {any} */ (globalThis).stopper.abort());
    assert.equal(await answer(), 'aborted');
    await page.waitForFunction(() => /** @type {any} */ (globalThis).locks[0].released, { polling: 50 });
  });

  test('a gentle answer rests for half of the time, and has the same tokens', async () => {
    const request = { prompt: 'Once upon a time', temperature: 0, ignore_eos: true, max_tokens: 50 };
    // The best of several runs, and of more on a busy machine.
    const best = { full: Infinity, gentle: Infinity };
    const slower = () => best.gentle / best.full;
    const said = new Set();
    for (let turn = 0; turn < 2 || (turn < 12 && !(slower() > 1.6 && slower() < 3)); turn++) {
      for (const pace of ['full', 'gentle']) {
        const { choices, timings } = await complete(page, { ...request, pace });
        best[pace] = Math.min(best[pace], timings.predicted_ms);
        said.add(String(choices[0].tokens));
      }
    }
    assert.equal(said.size, 1);
    assert.ok(slower() > 1.6 && slower() < 3, `${slower()} times as long`);
  });

  test('unknown values are rejected', async () => {
    for (const request of [{ pace: 'slow' }, { when_hidden: true }, { keep_awake: 'yes' }]) {
      const { code, details } = await complete(page, { prompt: 'x', ...request });
      assert.deepEqual([code, details.field], ['invalid-request', Object.keys(request)[0]]);
    }
    for (const options of [{ pace: 'slow' }, { whenHidden: true }, { keepAwake: 'yes' }]) {
      const { code, details } = await load(page, MODEL_ID, options);
      assert.deepEqual([code, details.field], ['invalid-request', Object.keys(options)[0]]);
    }
  });
});
