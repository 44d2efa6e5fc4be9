// A split model from the network, from the store and from the device: always the tokens of the single file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { splitInto } from '../../support/gguf.mjs';
import { complete, load, openBlank, referenceFile, startServer } from '../../support/harness.mjs';

const whole = readFileSync(referenceFile('tiny', 'qwen3', 'model.gguf'));
const { text } = JSON.parse(readFileSync(referenceFile('tiny', 'qwen3', 'meta.json'), 'utf8'));
const REQUEST = { prompt: text, max_tokens: 16, temperature: 0, ignore_eos: true };
const cpu = { backend: 'cpu' };
const parts = splitInto(whole, [0, 3, 7]);
const total = parts.reduce((sum, part) => sum + part.length, 0);
const address = (/** @type {number} */ no) => `/model-0000${no}-of-00003.gguf`;
const FIRST = address(1);

describe('a split model', { timeout: 600_000 }, () => {
  let browser;
  let expected;
  before(async () => {
    browser = await chromium();
    const server = await startServer({ files: { '/whole.gguf': whole } });
    const page = await openBlank(browser, server);
    assert.equal((await load(page, '/whole.gguf', cpu)).code, undefined);
    expected = await tokens(page);
    await page.close();
    await server.close();
  });
  after(() => browser?.close());

  /** A page with its own server, and therefore an empty store. */
  async function fresh(t, files = Object.fromEntries(parts.map((part, i) => [address(i + 1), part]))) {
    const server = await startServer({ files });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    return { server, page };
  }

  async function tokens(page) {
    const answer = await complete(page, REQUEST);
    assert.equal(answer.choices?.[0].tokens.length, REQUEST.max_tokens, answer.message);
    return answer.choices[0].tokens;
  }

  test('loads from the first part’s address, and then from the store', async (t) => {
    const { server, page } = await fresh(t);
    const cold = await load(page, FIRST, cpu);
    assert.deepEqual([cold.code, cold.origin, cold.stored], [undefined, 'network', true], cold.message);
    assert.deepEqual(await tokens(page), expected);
    server.requests.length = 0;
    const warm = await load(page, FIRST, cpu);
    assert.deepEqual([warm.code, warm.origin, warm.stored], [undefined, 'cache', true], warm.message);
    assert.equal(server.count('.gguf'), 0);
    assert.deepEqual(await tokens(page), expected);
  });

  test('is listed as one model', async (t) => {
    const { page } = await fresh(t);
    const counts = await page.evaluate(async (first) => {
      const seen = [];
      const onProgress = ({ phase, loaded, total }) => phase === 'engine' || seen.push([loaded, total]);
      (await /** @type {any} */ (globalThis).linnet.Linnet.load(first, { backend: 'cpu', onProgress })).dispose();
      return seen;
    }, FIRST);
    assert.deepEqual(counts.at(-1), [total, total]);
    assert.ok(
      counts.every(([loaded, of], i) => of === total && loaded >= (counts[i - 1]?.[0] ?? 0)),
      JSON.stringify(counts),
    );
  });

  test('loads from a list, and from files of the device', async (t) => {
    const names = ['/a', '/b', '/c'];
    const { page } = await fresh(t, Object.fromEntries(parts.map((part, i) => [names[i], part])));
    const listed = await load(
      page,
      names.map((name) => new URL(name, page.url()).href),
      cpu,
    );
    assert.equal(listed.code, undefined, listed.message);
    assert.deepEqual(await tokens(page), expected);
    const origin = await page.evaluate(async (names) => {
      const window = /** @type {any} */ (globalThis);
      const files = await Promise.all(names.map(async (name) => new File([await (await fetch(name)).blob()], name)));
      window.engine = await window.linnet.Linnet.load(files, { backend: 'cpu' });
      return window.engine.info().origin;
    }, names);
    assert.equal(origin, 'file');
    assert.deepEqual(await tokens(page), expected);
  });

  test('resumes an interrupted download in any part', async (t) => {
    const { server, page } = await fresh(t);
    const breakAt = parts[1].length - 1000;
    server.faults.set(address(2), { breakAt });
    const broken = await load(page, FIRST, cpu);
    assert.deepEqual([broken.code, broken.details.part], ['network', 2]);
    assert.match(broken.details.url, /-00002-of-00003/);
    server.faults.clear();
    server.requests.length = 0;
    const info = await load(page, FIRST, cpu);
    assert.deepEqual([info.code, info.origin, info.stored], [undefined, 'network', true], info.message);
    assert.deepEqual(await tokens(page), expected);
    assert.deepEqual(
      server.requests.filter(({ path }) => path === address(2)).map(({ range }) => range),
      [`bytes=${breakAt}-${parts[1].length - 1}`],
    );
  });

  test('fetches only the damaged part of a stored model again', async (t) => {
    const { server, page } = await fresh(t);
    await load(page, FIRST, cpu);
    for (const at of [0, parts[2].length - 100]) {
      await page.evaluate(
        async (size, at) => {
          const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models');
          for await (const handle of folder.values()) {
            const stored = /** @type {FileSystemFileHandle} */ (handle);
            if ((await stored.getFile()).size !== size) continue;
            const writable = await stored.createWritable({ keepExistingData: true });
            await writable.write({ type: 'write', position: at, data: new Uint8Array([1, 2, 3, 4]) });
            await writable.close();
          }
        },
        parts[2].length,
        at,
      );
      server.requests.length = 0;
      const info = await load(page, FIRST, cpu);
      assert.equal(info.code, undefined, info.message);
      assert.deepEqual(
        [...new Set(server.requests.map(({ path }) => path).filter((path) => path.endsWith('.gguf')))],
        [address(3)],
      );
      assert.deepEqual(await tokens(page), expected);
    }
  });

  test('names parts that are missing or do not belong together', async (t) => {
    const named = async (first, second, third) => {
      const files = Object.entries({ [FIRST]: first, [address(2)]: second, [address(3)]: third }).filter(
        ([, part]) => part,
      );
      const { page } = await fresh(t, Object.fromEntries(files));
      const { code, details, message } = await load(page, FIRST, cpu);
      assert.ok(message?.includes(`art ${details.part}`) || message?.includes(details.url), message);
      return [code, details.part, new URL(details.url).pathname];
    };
    const [a, b, c] = parts;
    assert.deepEqual(await named(a, undefined, c), ['not-found', 2, address(2)]);
    assert.deepEqual(await named(a, c, b), ['bad-model', 2, address(2)]);
    assert.deepEqual(await named(a, b, whole), ['bad-model', 3, address(3)]);
    assert.deepEqual(await named(a, b, Buffer.from('<!doctype html><title>Not here</title>')), [
      'bad-model',
      3,
      address(3),
    ]);
    assert.deepEqual(await named(a, b, c.subarray(0, 100)), ['integrity', 3, address(3)]);
    assert.deepEqual(await named(a, b, c.subarray(0, c.length - 64)), ['integrity', 3, address(3)]);
    const of = splitInto(whole, [0, 4, 7]);
    assert.equal((await named(a, of[1], c))[0], 'bad-model');

    const { page } = await fresh(t, { '/alone.gguf': a });
    const alone = await load(page, '/alone.gguf', cpu);
    assert.equal(alone.code, 'bad-model');
    assert.match(alone.message, /part 1 of 3/);
  });
});
