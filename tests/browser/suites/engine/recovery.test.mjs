// Pages that crash because of a model: the next visit tries less, says so, and can be reset.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { complete, load, openBlank, referenceFile, startServer } from '../../support/harness.mjs';

const tiny = referenceFile('tiny', 'qwen3', 'model.gguf');
const ADDRESS = '/tiny.gguf';
const cpu = { backend: 'cpu' };

describe('after a crash', { timeout: 600_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  async function fresh(t) {
    const server = await startServer({ files: { [ADDRESS]: tiny } });
    t.after(() => server.close());
    return server;
  }

  /** A page that is killed while it loads. */
  async function dieLoading(server, options = cpu) {
    const page = await openBlank(browser, server);
    server.requests.length = 0;
    server.faults.set(ADDRESS, { bytesPerSecond: 20_000 });
    load(page, ADDRESS, { ...options, storage: 'none' }).catch(() => {});
    while (server.count('.gguf') === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await kill(page);
    server.faults.clear();
  }

  async function kill(page) {
    const client = await page.createCDPSession();
    const gone = new Promise((resolve) => page.once('error', resolve));
    client.send('Page.crash').catch(() => {});
    await gone;
  }

  async function visit(t, server, options = cpu) {
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    return { page, info: await load(page, ADDRESS, options) };
  }

  test('a load that succeeded, was rejected or was left leaves no mark', async (t) => {
    const server = await fresh(t);
    const { page } = await visit(t, server);
    await complete(page, { prompt: 'a', max_tokens: 1 });
    assert.equal((await load(page, '/nothing.gguf', cpu)).code, 'not-found');
    server.faults.set(ADDRESS, { bytesPerSecond: 20_000 });
    load(page, ADDRESS, { ...cpu, storage: 'none' }).catch(() => {});
    await page.waitForFunction(() => Object.keys(localStorage).some((name) => name.startsWith('linnet-risk')));
    await page.reload();
    server.faults.clear();
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
    assert.equal((await visit(t, server)).info.recovered, undefined);
  });

  test('after crashes while loading, a smaller context is used, then another model is named', async (t) => {
    const server = await fresh(t);
    const whole = (await visit(t, server)).info.model.context_length;
    await dieLoading(server);
    const { page, info } = await visit(t, server, { ...cpu, contextLength: whole });
    assert.deepEqual([info.code, info.recovered], [undefined, { step: 'smaller-context', crashes: 1, phase: 'load' }]);
    assert.ok(info.model.context_length < whole, `${info.model.context_length} of ${whole}`);
    assert.equal((await complete(page, { prompt: 'a', max_tokens: 2 })).usage.completion_tokens, 2);

    await dieLoading(server);
    const refused = (await visit(t, server)).info;
    assert.deepEqual(
      [refused.code, refused.details.crashes, refused.details.smaller.model],
      ['out-of-memory', 2, 'smollm2-135m-instruct'],
    );
    assert.equal((await visit(t, server, { ...cpu, recovery: 'off' })).info.code, undefined);

    await page.evaluate((address) => /** @type {any} */ (globalThis).linnet.Linnet.resetRecovery(address), ADDRESS);
    const again = (await visit(t, server)).info;
    assert.deepEqual([again.code, again.recovered, again.model.context_length], [undefined, undefined, whole]);
  });

  test('after two crashes during the first answer, auto uses the CPU', async (t) => {
    const server = await fresh(t);
    for (const step of ['smaller-context', 'cpu']) {
      const { page } = await visit(t, server, { backend: 'auto' });
      void page.evaluate(
        () =>
          void (
            /** @type {any} */ (globalThis).engine.completions.create({
              prompt: 'a',
              max_tokens: 100_000,
              ignore_eos: true,
            })
          ),
      );
      await page.waitForFunction(() => Object.keys(localStorage).some((name) => name.startsWith('linnet-risk')));
      await kill(page);
      const { info } = await visit(t, server, { backend: 'auto' });
      assert.deepEqual(
        [info.code, info.recovered?.step, info.recovered?.phase, info.backend],
        [undefined, step, 'first-answer', 'cpu'],
      );
    }
  });

  test('a worker that ends while it loads or answers causes an error, and the next try works', async (t) => {
    const server = await fresh(t);
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const end = async () => {
      // The newest one, since an ended worker may still be listed.
      const worker = page
        .workers()
        .filter((worker) => worker.url().endsWith('/worker.js'))
        .at(-1);
      // It may end before it responds.
      await worker?.evaluate(() => self.close()).catch(() => {});
    };
    server.faults.set(ADDRESS, { bytesPerSecond: 20_000 });
    const loading = load(page, ADDRESS, { ...cpu, storage: 'none' });
    while (server.count('.gguf') === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await end();
    const { code, details } = await loading;
    assert.deepEqual([code, details], ['internal', { worker: 'gone' }]);
    server.faults.clear();

    assert.equal((await load(page, ADDRESS, cpu)).code, undefined);
    const answering = complete(page, { prompt: 'a', max_tokens: 100_000, ignore_eos: true });
    await page.waitForFunction(() => Object.keys(localStorage).some((name) => name.startsWith('linnet-risk')));
    await end();
    assert.deepEqual((await answering).details, { worker: 'gone' });
    assert.equal(
      (await complete(page, { prompt: 'a', max_tokens: 2 })).code,
      'internal',
      'there is no engine any more',
    );
    const info = await load(page, ADDRESS, cpu);
    assert.deepEqual([info.code, info.recovered], [undefined, undefined]);
    assert.equal((await complete(page, { prompt: 'a', max_tokens: 2 })).usage.completion_tokens, 2);
  });

  test('another tab that is still loading does not count as crashed', async (t) => {
    const server = await fresh(t);
    const other = await openBlank(browser, server);
    t.after(() => other.close());
    server.faults.set(ADDRESS, { bytesPerSecond: 20_000 });
    load(other, ADDRESS, { ...cpu, storage: 'none' }).catch(() => {});
    await other.waitForFunction(() => Object.keys(localStorage).some((name) => name.startsWith('linnet-risk')));
    server.faults.clear();
    assert.equal((await visit(t, server)).info.recovered, undefined);
  });
});
