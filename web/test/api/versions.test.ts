import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ChunkedDownload, type DownloadOptions } from '../../src/download/chunked-download.ts';
import type { RemoteFile } from '../../src/protocol/model-files.ts';
import { FakeEntry, setRoom, Sha256, sha256 } from '../fakes/fake-store.ts';
import { code, send, serve } from '../fakes/http-file.ts';

// Parts of two versions of a file are never joined, and nothing is stored under another file's hash.

const SIZE = 100_000;
const ONE = new Uint8Array(5.5 * SIZE).map((_, i) => (i * 7919) >> 5);
const TWO = ONE.map((byte) => byte ^ 0x55);
const chunksOf = (file: Uint8Array) => {
  const count = Math.ceil(file.length / SIZE);
  return {
    bytes: SIZE,
    sha256: Array.from({ length: count }, (_, i) => sha256(file.subarray(i * SIZE, (i + 1) * SIZE))),
  };
};
const addressed = (...urls: string[]): RemoteFile => ({ kind: 'remote', urls });
const hashed = (...urls: string[]): RemoteFile => ({ kind: 'remote', urls, bytes: ONE.length, sha256: sha256(ONE) });

beforeEach(() => setRoom(1e9));

async function fetched(file: RemoteFile, entry: FakeEntry, more: Partial<DownloadOptions> = {}): Promise<Uint8Array> {
  const signal = new AbortController().signal;
  const given = { writer: entry.writer(), Sha256, signal, retryDelays: [1, 1], chunkBytes: SIZE, ...more };
  const download = await ChunkedDownload.open(file, given);
  const parts: Uint8Array[] = [];
  try {
    for await (const { bytes } of download) parts.push(bytes.slice());
    await download.finish();
    return new Uint8Array(Buffer.concat(parts));
  } catch (error) {
    await download.giveUp((error as { code: string }).code !== 'integrity');
    throw error;
  }
}

/** The entry of a complete file that was not verified before the tab crashed; one of its chunks is damaged. */
async function crashed(file: RemoteFile): Promise<FakeEntry> {
  const entry = new FakeEntry();
  await fetched(file, entry);
  entry.log.truncate(entry.log.bytes.length - 2);
  entry.data.bytes[2.5 * SIZE]! ^= 1;
  return entry;
}

test('a damaged chunk is not replaced by one of another version', async (t) => {
  for (const etag of ['"two"', null]) {
    let changed = false;
    const { url } = await serve(t, (request, response) => {
      send(request, response, changed ? { file: TWO, etag } : { file: ONE });
    });
    const entry = await crashed(addressed(url));
    changed = true;
    await assert.rejects(fetched(addressed(url), entry), code('integrity'), String(etag));
    assert.equal(entry.journal(), undefined, 'the old version is gone');
    assert.equal(sha256(await fetched(addressed(url), entry)), sha256(TWO));
  }
});

test('a version that the server no longer names counts as another version', async (t) => {
  const { url } = await serve(t, (request, response, count) => {
    send(request, response, count < 3 ? { file: ONE } : { file: TWO, etag: null });
  });
  await assert.rejects(fetched(addressed(url), new FakeEntry()), code('integrity'));
});

test('with a known hash, different ETags of a CDN do not matter', async (t) => {
  const { url } = await serve(t, (request, response, count) =>
    send(request, response, { file: ONE, etag: `"node ${count}"` }),
  );
  const entry = await crashed(hashed(url));
  assert.equal(sha256(await fetched(hashed(url), entry)), sha256(ONE));
  assert.equal(entry.journal()?.isWhole(), true);
});

test('the hash of the whole file is checked even if its chunks have hashes', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: TWO }));
  const entry = new FakeEntry();
  // Another model under the name of the listed one.
  const wrong: RemoteFile = { ...hashed(url), chunks: chunksOf(TWO) };
  await assert.rejects(fetched(wrong, entry), (error: any) => {
    assert.deepEqual(
      [error.code, error.details.expected, error.details.found],
      ['integrity', sha256(ONE), sha256(TWO)],
    );
    return true;
  });
  assert.equal(entry.journal(), undefined);
});

test('a server that later ignores Range is asked again, then the next one', async (t) => {
  const now = await serve(t, (request, response, count) =>
    send(request, response, { file: ONE, range: count % 2 === 1 }),
  );
  assert.equal(sha256(await fetched(addressed(now.url), new FakeEntry())), sha256(ONE));
  const once = () => serve(t, (request, response, count) => send(request, response, { file: ONE, range: count === 1 }));
  await assert.rejects(fetched(addressed((await once()).url), new FakeEntry()), code('network'));
  const home = await serve(t, (request, response) => send(request, response, { file: ONE, etag: '"home"' }));
  assert.equal(sha256(await fetched(hashed((await once()).url, home.url), new FakeEntry())), sha256(ONE));
  assert.equal(home.ranges.length, 5);
});

test('after a mirror fails, the next address with the same file continues', async (t) => {
  for (const status of [404, 403, 503]) {
    const mirror = await serve(t, (request, response, count) => {
      if (count > 2) response.writeHead(status).end();
      else send(request, response, { file: ONE });
    });
    const same = await serve(t, (request, response) => send(request, response, { file: ONE }));
    assert.equal(sha256(await fetched(addressed(mirror.url, same.url), new FakeEntry())), sha256(ONE));
    const other = await serve(t, (request, response) => send(request, response, { file: TWO, etag: '"two"' }));
    mirror.ranges.length = 0;
    await assert.rejects(
      fetched(addressed(mirror.url, other.url), new FakeEntry()),
      (error: any) => error.details.status === status,
    );
  }
});

test('an impossible length is rejected at once, and no length is trusted in advance', async (t) => {
  for (const total of ['1000000000000000', '9'.repeat(40)]) {
    const { url } = await serve(t, (_, response) => {
      response.writeHead(206, { 'Content-Range': `bytes 0-0/${total}`, 'Content-Length': '1', ETag: '"1"' }).end('G');
    });
    await assert.rejects(fetched(addressed(url), new FakeEntry()), code('integrity'));
  }
  const { url } = await serve(t, (_, response, count) => {
    if (count > 1) return void response.writeHead(404).end();
    response.writeHead(206, { 'Content-Range': `bytes 0-99999/${2 ** 42}`, ETag: '"1"' }).end(ONE.subarray(0, SIZE));
  });
  const entry = new FakeEntry();
  entry.data.most = 1e9;
  const before = process.memoryUsage().heapUsed;
  const began = performance.now();
  await assert.rejects(fetched(addressed(url), entry), code('not-found'));
  assert.ok(performance.now() - began < 1000, 'the time does not depend on the claimed length');
  assert.ok(process.memoryUsage().heapUsed - before < 50e6);
});

test('an entry of a later version of the package is left alone', () => {
  const entry = new FakeEntry();
  const text = '{"version":4,"url":"https://host/a.gguf"}\nwhat later versions write';
  entry.log.bytes = new TextEncoder().encode(text);
  entry.data.bytes = new Uint8Array(9);
  assert.throws(() => entry.writer(), /a later journal/);
  assert.deepEqual([new TextDecoder().decode(entry.log.bytes), entry.data.bytes.length], [text, 9]);
});
