// The tests' own server: its faults work as described.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { serve } from '../../support/server.mjs';

const FILE = Buffer.alloc(1_000_000).map((_, i) => (i * 31) >> 3);

/**
 * Serves the file with a fault. The result has the received bytes, and whether the connection broke.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../support/server.mjs').Fault} fault
 * @param {{ range?: string, method?: string }} [request]
 */
async function served(t, fault, { range, method = 'GET' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'linnet-served-'));
  writeFileSync(join(folder, 'file.gguf'), FILE);
  const server = await serve({ mounts: { '/': `${folder}/` } });
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  server.faults.set('/file.gguf', fault);
  const response = await fetch(`${server.origin}/file.gguf`, { method, headers: range ? { Range: range } : {} });
  const parts = [];
  let broken = false;
  try {
    for await (const part of response.body ?? []) parts.push(part);
  } catch {
    broken = true;
  }
  const { status, headers } = response;
  assert.equal(server.requests[0].status, status);
  return { status, headers, body: Buffer.concat(parts), broken, isPending: server.faults.size === 1 };
}

test('a download breaks at the given byte, or ends before it', async (t) => {
  const first = await served(t, { breakAt: 300_000, times: 1 });
  assert.ok(first.broken && !first.isPending && first.body.equals(FILE.subarray(0, 300_000)));
  const beyond = await served(t, { breakAt: 300_000, times: 1 }, { range: 'bytes=400000-' });
  assert.deepEqual([beyond.status, beyond.body.length, beyond.broken, beyond.isPending], [206, 0, true, false]);
  const before = await served(t, { breakAt: 300_000, times: 1 }, { range: 'bytes=0-9' });
  assert.deepEqual([before.body.length, before.broken, before.isPending], [10, false, true]);
});

test('one byte is wrong, in any range', async (t) => {
  const wrong = Buffer.from(FILE);
  wrong[300_000] ^= 1;
  const whole = await served(t, { flipAt: 300_000, times: 1 });
  assert.ok(whole.body.equals(wrong) && !whole.isPending);
  const part = await served(t, { flipAt: 300_000, times: 1 }, { range: 'bytes=299999-300001' });
  assert.ok(part.body.equals(wrong.subarray(299_999, 300_002)) && !part.isPending);
  const other = await served(t, { flipAt: 300_000, times: 1 }, { range: 'bytes=0-10' });
  assert.ok(other.body.equals(FILE.subarray(0, 11)) && other.isPending);
});

test('a file and its ranges are truncated', async (t) => {
  const whole = await served(t, { truncateTo: 1000 });
  assert.deepEqual([whole.headers.get('content-length'), whole.body.length, whole.broken], ['1000', 1000, false]);
  const part = await served(t, { truncateTo: 1000 }, { range: 'bytes=10-' });
  assert.equal(part.headers.get('content-range'), 'bytes 10-999/1000');
  const none = await served(t, { truncateTo: 1000 }, { range: 'bytes=1000-' });
  assert.deepEqual([none.status, none.headers.get('content-range')], [416, 'bytes */1000']);
});

test('overstates a length, ignores ranges, adds a content coding', async (t) => {
  const longer = await served(t, { overstate: 1000 });
  assert.ok(longer.headers.get('content-length') === '1001000' && longer.broken && longer.body.equals(FILE));
  const whole = await served(t, { noRange: true }, { range: 'bytes=10-' });
  assert.deepEqual([whole.status, whole.headers.get('accept-ranges'), whole.body.length], [200, null, FILE.length]);
  const coded = await served(t, { gzip: true }, { range: 'bytes=10-' });
  assert.deepEqual([coded.status, coded.headers.get('content-encoding')], [206, 'gzip']);
  assert.ok(coded.body.equals(FILE.subarray(10)));
});

test('a slow download takes its time and is complete', async (t) => {
  const start = performance.now();
  const { body, broken } = await served(t, { bytesPerSecond: 4e6 });
  assert.ok(body.equals(FILE) && !broken);
  assert.ok(performance.now() - start > 200, `${performance.now() - start} ms`);
});

test('replaces a file by a status, a page or headers', async (t) => {
  const status = await served(t, { status: 429, headers: { 'Retry-After': '2' }, times: 1 });
  assert.deepEqual([status.status, status.headers.get('retry-after'), status.isPending], [429, '2', false]);
  const page = await served(t, { page: '<p>Sign in</p>', times: 2 });
  assert.deepEqual([page.status, page.headers.get('content-type'), page.isPending], [200, 'text/html', true]);
  assert.equal(page.body.toString(), '<p>Sign in</p>');
  const tag = await served(t, { headers: { ETag: '"old"' }, times: 1 });
  assert.ok(tag.headers.get('etag') === '"old"' && tag.body.equals(FILE) && !tag.isPending);
  const head = await served(t, { headers: { ETag: '"old"' }, times: 1 }, { method: 'HEAD' });
  assert.ok(head.headers.get('etag') === '"old"' && head.isPending, 'HEAD downloads nothing');
  const other = await served(t, { status: 403, method: 'HEAD' });
  assert.deepEqual([other.status, other.body.length], [200, FILE.length]);
});
