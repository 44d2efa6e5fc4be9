// Memory: a model that cannot fit is rejected before its weights are downloaded, and on the GPU path weights do not
// accumulate in the wasm heap.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from '../../support/engines.mjs';
import { complete, load, MODEL, nativeBinary, noModel, openBlank, startServer } from '../../support/harness.mjs';

const MB = 1e6;
/** The initial size of the wasm memory. */
const START = 4 << 20;
/** How much it may grow while a model of any size is loaded. */
const GROWTH = 64 * MB;

/** Why random models cannot be made; `false` if they can. */
const noSynth = nativeBinary() ? false : 'skipped: no native linnet';

/** The beginning of a random model. */
function beginning(arch, bytes) {
  const line = '"$0" synth --arch "$1" /dev/stdout 2>/dev/null | head -c "$2"';
  return execFileSync('sh', ['-c', line, String(nativeBinary()), arch, String(bytes)], { maxBuffer: 2 * bytes });
}

/**
 * A random model: LINNET_SYNTH has the arguments of `linnet synth --arch`; the default is a model of about 300 MB.
 */
const SYNTH = (process.env.LINNET_SYNTH ?? 'qwen3-0.6b --layers 20').split(' ');

describe('memory', { timeout: 1_800_000 }, () => {
  let browser;
  before(async () => {
    browser = await chromium();
  });
  after(() => browser?.close());

  for (const backend of ['cpu', 'webgpu']) {
    test(`a model that cannot fit is rejected before its weights are downloaded: ${backend}`, {
      skip: noModel,
    }, async (t) => {
      const server = await startServer();
      t.after(() => server.close());
      // A request for more than the header would fail with a broken connection.
      server.faults.set(`/models/${MODEL}`, { breakAt: 6 * MB, noRange: true });
      const page = await openBlank(browser, server);
      t.after(() => page.close());

      const none = await load(page, `/models/${MODEL}`, { backend, memoryLimit: 50 * MB });
      assert.deepEqual([none.code, none.details.limit, none.details.smaller], ['out-of-memory', 'memory_limit', null]);
      const { weights, kv, scratch, need, have } = none.details;
      assert.deepEqual([need, have], [weights + kv + scratch, 50 * MB]);

      const limit = 250 * MB;
      const long = await load(page, `/models/${MODEL}`, { backend, memoryLimit: limit, contextLength: 8192 });
      assert.equal(long.code, 'out-of-memory', long.message);
      const { smaller } = long.details;
      assert.deepEqual([smaller.backend, smaller.context_length, smaller.kv], [backend, 8192, 'q8_0']);

      server.faults.clear();
      const options = { contextLength: smaller.context_length, kvFormat: smaller.kv };
      const info = await load(page, `/models/${MODEL}`, { backend, memoryLimit: limit, ...options });
      assert.equal(info.code, undefined, info.message);
      const all = info.memory.weights + info.memory.kv + info.memory.scratch;
      assert.ok(all < 1.1 * limit, `it takes ${all} bytes, though ${limit} were said to do`);
    });
  }

  test('a model larger than any wasm memory is rejected on the CPU path', {
    skip: noSynth || process.platform === 'win32',
  }, async (t) => {
    // Only the header of the 5 GB exists.
    const server = await startServer({ files: { '/large.gguf': beginning('qwen3-8b', 16 * MB) } });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());
    const refused = await load(page, '/large.gguf', { backend: 'cpu', threads: 1 });
    assert.deepEqual(
      [refused.code, refused.details.limit, refused.details.smaller],
      ['out-of-memory', 'memory_limit', null],
      refused.message,
    );
    assert.equal(refused.details.have, 2 ** 32 - 2 ** 26);
    assert.ok(refused.details.weights > 4.9e9, refused.message);
  });

  test('weights for the GPU do not accumulate in the wasm heap', { skip: noSynth }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'linnet-synth-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'synth.gguf');
    execFileSync(String(nativeBinary()), ['synth', '--arch', ...SYNTH, file]);
    const { size } = statSync(file);
    const server = await startServer({ files: { '/synth.gguf': file } });
    t.after(() => server.close());
    const page = await openBlank(browser, server);
    t.after(() => page.close());

    for (const origin of ['network', 'cache']) {
      const start = performance.now();
      const info = await load(page, '/synth.gguf', { backend: 'webgpu', contextLength: 512 });
      assert.equal(info.code, undefined, `${info.code}: ${info.message} ${JSON.stringify(info.details)}`);
      const seconds = (performance.now() - start) / 1000;
      assert.deepEqual([info.origin, info.model.file_bytes], [origin, size]);
      // A wasm memory never shrinks, so its final size is its peak.
      const grown = info.memory.heap - START;
      t.diagnostic(
        `${origin}: ${(size / MB).toFixed(0)} MB in ${seconds.toFixed(1)} s, ` +
          `${(size / MB / seconds).toFixed(0)} MB/s; the wasm's memory grew by ${(grown / MB).toFixed(1)} MB`,
      );
      assert.ok(grown < GROWTH, `the wasm's memory grew by ${grown} bytes`);
      assert.ok(
        info.memory.weights > 0.95 * size - info.memory.heap,
        `${info.memory.weights} bytes of weights of ${size}`,
      );
    }
    const answer = await complete(page, { prompt: [1, 2, 3], max_tokens: 2, temperature: 0, ignore_eos: true });
    assert.equal(answer.usage?.completion_tokens, 2, JSON.stringify(answer));
  });
});
