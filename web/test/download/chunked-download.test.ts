import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BrokenEntry } from '../../src/store/cache.ts';
import { ChunkedDownload, type DownloadOptions } from '../../src/download/chunked-download.ts';
import type { RemoteFile } from '../../src/protocol/model-files.ts';
import { FakeEntry, setRoom, Sha256, sha256 } from '../fakes/fake-store.ts';
import { code, type Handler, send, serve } from '../fakes/http-file.ts';

const MB = 1 << 20;
/** 6 chunks of 1 MB; the last one is half as long. */
const FILE = new Uint8Array(5.5 * MB).map((_, i) => (i * 7919) >> 5);
const CHUNKS = {
  bytes: MB,
  sha256: [0, 1, 2, 3, 4, 5].map((index) => sha256(FILE.subarray(index * MB, (index + 1) * MB))),
};
const listed = (url: string): RemoteFile => ({
  kind: 'remote',
  urls: [url],
  bytes: FILE.length,
  sha256: sha256(FILE),
  chunks: CHUNKS,
});
/** A file without hashes of chunks. Its chunks would be larger than the other file, so it has its own. */
const hashed = (url: string, file: Uint8Array): RemoteFile => ({
  kind: 'remote',
  urls: [url],
  bytes: file.length,
  sha256: sha256(file),
});

beforeEach(() => setRoom(1e9));

const options = (entry?: FakeEntry, more: Partial<DownloadOptions> = {}): DownloadOptions => ({
  writer: entry?.writer(),
  Sha256,
  signal: new AbortController().signal,
  retryDelays: [1, 1],
  ...more,
});

interface Outcome {
  bytes: Uint8Array;
  /** `c` for a chunk from the store, `d` for a downloaded one. */
  origins: string;
  stored: boolean;
  download: ChunkedDownload;
}

/** Reads a file to its end, like loading. */
async function fetched(file: RemoteFile, given: DownloadOptions): Promise<Outcome> {
  const download = await ChunkedDownload.open(file, given);
  const parts: Uint8Array[] = [];
  let origins = '';
  try {
    for await (const { bytes, origin } of download) {
      parts.push(bytes.slice());
      origins += origin[0];
    }
    const stored = await download.finish();
    return { bytes: new Uint8Array(Buffer.concat(parts)), origins, stored, download };
  } catch (error) {
    await download.giveUp((error as { details: object }).details !== undefined && !(error instanceof BrokenEntry));
    throw error;
  }
}

const sum = ({ bytes }: Outcome) => sha256(bytes);

test('a file is downloaded in ranges, several at a time, and stored', async (t) => {
  let open = 0;
  let most = 0;
  const { url, ranges } = await serve(t, (request, response) => {
    most = Math.max(most, ++open);
    setTimeout(() => {
      open--;
      send(request, response, { file: FILE });
    }, 20);
  });
  const entry = new FakeEntry();
  const outcome = await fetched(listed(url), options(entry));
  assert.deepEqual([sum(outcome), outcome.origins, outcome.stored], [sha256(FILE), 'dddddd', true]);
  assert.deepEqual([ranges[0], ranges.length], [`bytes=0-${MB - 1}`, 6]);
  assert.ok(most > 1 && most <= 4, `${most} at a time`);
  assert.equal(entry.journal()?.isWhole(), true);
  assert.equal(sha256(entry.data.bytes), sha256(FILE));
});

test('no more is requested than the consumer takes', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const download = await ChunkedDownload.open(listed(url), options());
  const chunks = download[Symbol.asyncIterator]();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ranges.length, 1, 'the header is requested alone');
  await chunks.next();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(ranges.length, 3);
  await download.giveUp(true);
});

test('a download cut at random bytes continues where the last try ended', async (t) => {
  let cut = 0;
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE, until: cut }));
  const entry = new FakeEntry();
  const cuts = Array.from({ length: 10 }, () => Math.floor(Math.random() * FILE.length)).sort((a, b) => a - b);
  for (cut of cuts) await assert.rejects(fetched(listed(url), options(entry)), code('network'), String(cuts));
  const there = entry.journal()!.savedBytes();
  assert.ok(there >= cuts.at(-1)! - (64 << 10), `${there} bytes of ${cuts.at(-1)} were kept`);
  const { url: next, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const outcome = await fetched(listed(next), options(entry));
  assert.deepEqual([sum(outcome), outcome.stored], [sha256(FILE), true], String(cuts));
  const asked = ranges
    .map((range) => range!.slice(6).split('-').map(Number))
    .reduce((bytes, [from, to]) => bytes + to! - from! + 1, 0);
  assert.equal(asked, FILE.length - there, 'no byte is fetched twice');
});

test('after a crash exactly the journalled chunks are there', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const entry = new FakeEntry();
  const download = await ChunkedDownload.open(listed(url), options(entry));
  const chunks = download[Symbol.asyncIterator]();
  for (let i = 0; i < 3; i++) await chunks.next();
  // The entry is read as it is, with a truncated last line.
  const left = new FakeEntry();
  left.data.bytes = entry.data.bytes.slice();
  left.log.bytes = entry.log.bytes.slice(0, -10);
  await download.giveUp(true);
  const missing = [...left.journal()!.missing()];
  assert.ok(missing.length > 0 && missing.length <= 4);
  // Another server, since the first one may still get requests in transit.
  const { url: next, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const outcome = await fetched(listed(next), options(left));
  assert.deepEqual(
    [sum(outcome), ranges.length, left.journal()?.isWhole()],
    [sha256(FILE), missing.length, true],
    String(ranges),
  );
});

test('a complete file that was not yet verified needs no network', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const entry = new FakeEntry();
  await fetched(listed(url), options(entry));
  entry.log.truncate(entry.log.bytes.length - 2);
  assert.equal(entry.journal()?.isWhole(), false);
  ranges.length = 0;
  const outcome = await fetched(listed(url), options(entry));
  assert.deepEqual([outcome.origins, ranges.length, entry.journal()?.isWhole()], ['cccccc', 0, true]);
});

test('a damaged stored chunk is fetched again, and only that one', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const entry = new FakeEntry();
  await fetched(listed(url), options(entry));
  entry.data.bytes[2.5 * MB]! ^= 1;
  entry.log.truncate(entry.log.bytes.length - 2);
  ranges.length = 0;
  const outcome = await fetched(listed(url), options(entry));
  assert.deepEqual(
    [sum(outcome), outcome.origins, ranges],
    [sha256(FILE), 'ccdccc', [`bytes=${2 * MB}-${3 * MB - 1}`]],
  );
  assert.equal(sha256(entry.data.bytes), sha256(FILE));
});

test('a byte that was flipped once in transit costs one chunk', async (t) => {
  let flips = 1;
  const wrong = FILE.slice();
  wrong[3.5 * MB]! ^= 1;
  const { url, ranges } = await serve(t, (request, response) => {
    const flipped = request.headers.range?.startsWith(`bytes=${3 * MB}-`) && flips-- > 0;
    send(request, response, { file: flipped ? wrong : FILE });
  });
  const outcome = await fetched(listed(url), options(new FakeEntry()));
  assert.deepEqual([sum(outcome), ranges.length], [sha256(FILE), 7]);
});

test('a byte that is always wrong fails with its place, and the next try requests that chunk only', async (t) => {
  const served = FILE.slice();
  served[3.5 * MB]! ^= 1;
  const { url } = await serve(t, (request, response) => send(request, response, { file: served }));
  const entry = new FakeEntry();
  await assert.rejects(fetched(listed(url), options(entry)), (error: any) => {
    const { chunk, from, to, expected, url: named } = error.details;
    assert.deepEqual(
      [error.code, chunk, from, to, expected, named],
      ['integrity', 3, 3 * MB, 4 * MB, CHUNKS.sha256[3], url],
    );
    return true;
  });
  const missing = [...entry.journal()!.missing()];
  assert.ok(missing.includes(3) && !missing.includes(2));
  // Another server, since the first one may still get requests in transit.
  const { url: next, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const outcome = await fetched(listed(next), options(entry));
  assert.deepEqual([sum(outcome), ranges.length], [sha256(FILE), missing.length]);
});

test('without hashes of chunks the file’s hash decides, and nothing is kept', async (t) => {
  const file = FILE.slice(0, 100_000);
  const wrong = file.slice();
  wrong[70_000]! ^= 1;
  const { url } = await serve(t, (request, response) => send(request, response, { file: wrong }));
  const entry = new FakeEntry();
  await assert.rejects(
    fetched(hashed(url, file), options(entry)),
    (error: any) => error.code === 'integrity' && error.details.expected === sha256(file),
  );
  assert.equal(entry.journal(), undefined);
});

test('without Range a break fails with network, and the next try keeps the stored chunks', async (t) => {
  let until = 2.5 * MB;
  const { url, ranges } = await serve(t, (request, response) =>
    send(request, response, { file: FILE, range: false, until }),
  );
  const entry = new FakeEntry();
  await assert.rejects(fetched(listed(url), options(entry)), code('network'));
  until = Infinity;
  const outcome = await fetched(listed(url), options(entry));
  assert.deepEqual([sum(outcome), outcome.origins, outcome.stored, ranges.length], [sha256(FILE), 'ccdddd', true, 2]);
});

test('a server that stops answering Range requests sends the rest without Range', async (t) => {
  const refusals: [string, RemoteFile['sha256'], string, Handler][] = [
    ['no answer', undefined, 'cccccd', (request) => request.socket.destroy()],
    [
      'a content coding',
      sha256(FILE),
      'cccccd',
      (request, response) => {
        const headers = { 'Content-Encoding': 'gzip', ETag: '"coded"' };
        const partial = { ...headers, 'Content-Range': `bytes ${5 * MB}-${FILE.length - 1}/${FILE.length}` };
        response.writeHead(request.headers.range ? 206 : 200, request.headers.range ? partial : headers);
        response.end(gzipSync(FILE));
      },
    ],
    [
      'a content coding, and no hash',
      undefined,
      'dd',
      (request, response) => {
        if (request.headers.range) return request.socket.destroy();
        response.writeHead(200, { 'Content-Encoding': 'gzip', ETag: '"coded"' }).end(gzipSync(FILE));
      },
    ],
  ];
  for (const [what, sha, origins, refuse] of refusals) {
    let until = 5 * MB;
    const { url } = await serve(t, (request, response) => {
      if (until < Infinity) return send(request, response, { file: FILE, until });
      if (request.headers.range || what !== 'no answer') return refuse(request, response, 0);
      send(request, response, { file: FILE });
    });
    const file: RemoteFile = {
      kind: 'remote',
      urls: [url],
      ...(sha === undefined ? {} : { ...listed(url), chunks: CHUNKS }),
    };
    const entry = new FakeEntry();
    const given = () => options(entry, { chunkBytes: what.endsWith('hash') ? 4 * MB : MB });
    await assert.rejects(fetched(file, given()), code('network'), what);
    until = Infinity;
    const outcome = await fetched(file, given());
    assert.deepEqual([sum(outcome), outcome.origins, outcome.stored], [sha256(FILE), origins, true], what);
  }
});

test('a file of unknown length is stored at its end', async (t) => {
  const { url } = await serve(t, (_, response) => response.writeHead(200).end(FILE));
  const entry = new FakeEntry();
  const outcome = await fetched({ kind: 'remote', urls: [url] }, options(entry));
  assert.deepEqual(
    [sum(outcome), outcome.stored, entry.journal()?.description.total, entry.journal()?.isWhole()],
    [sha256(FILE), true, FILE.length, true],
  );
});

test('a new version of a file starts again, unless its hash is known', async (t) => {
  let etag = '"one"';
  let until = 4.2 * MB;
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE, etag, until }));
  for (const [file, origins] of [
    [{ kind: 'remote', urls: [url] }, 'dd'],
    [listed(url), 'ccccdd'],
  ] as [RemoteFile, string][]) {
    const entry = new FakeEntry();
    [etag, until] = ['"one"', 4.2 * MB];
    await assert.rejects(fetched(file, options(entry)), code('network'));
    [etag, until] = ['"two"', Infinity];
    const outcome = await fetched(file, options(entry));
    assert.deepEqual([sum(outcome), outcome.origins], [sha256(FILE), origins]);
  }
});

test('a file that cannot be told from another version is not resumed', async (t) => {
  let until = 4.2 * MB;
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE, etag: null, until }));
  const entry = new FakeEntry();
  await assert.rejects(fetched({ kind: 'remote', urls: [url] }, options(entry)), code('network'));
  assert.equal(entry.journal(), undefined);
  until = Infinity;
  assert.equal((await fetched({ kind: 'remote', urls: [url] }, options(entry))).stored, true);
});

test('the browser’s estimate of its space is no reason to fail', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  setRoom(8e6, 5e6);
  const entry = new FakeEntry();
  const outcome = await fetched(listed(url), options(entry, { mustStore: true }));
  assert.deepEqual([sum(outcome), outcome.stored, entry.journal()?.isWhole()], [sha256(FILE), true, true]);
});

test('without space a file is not stored; if storing is required, nothing is fetched', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  for (const [honest, usage, details] of [
    [true, 5e6, { need: FILE.length, free: 3e6, quota: 8e6 }],
    [false, 0, { need: FILE.length }],
  ] as const) {
    setRoom(8e6, usage);
    const entry = new FakeEntry();
    Object.assign(entry.data, { most: 3e6, honest });
    const outcome = await fetched(listed(url), options(entry));
    const { notStored } = outcome.download;
    assert.deepEqual([sum(outcome), outcome.stored, notStored?.code], [sha256(FILE), false, 'quota']);
    assert.deepEqual(notStored?.details, details, 'figures that contradict the failure are not reported');
    assert.equal(entry.journal(), undefined);
    ranges.length = 0;
    Object.assign(entry.data, { most: 3e6, honest });
    await assert.rejects(fetched(listed(url), options(entry, { mustStore: true })), code('quota'));
    assert.equal(ranges.length, 0);
  }
});

test('if the space runs out, the stored part is freed and the download completes', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  for (const honest of [true, false]) {
    const entry = new FakeEntry();
    const shrink = () => Object.assign(entry.data, { most: 2.5 * MB, honest });
    const outcome = await fetched(listed(url), options(entry, { onBytes: shrink }));
    assert.deepEqual([sum(outcome), outcome.stored, outcome.download.notStored?.code], [sha256(FILE), false, 'quota']);
    assert.equal(entry.data.bytes.length, 0);
    const whole = new FakeEntry();
    const late = () => Object.assign(whole.data, { most: 2.5 * MB, honest });
    await assert.rejects(fetched(listed(url), options(whole, { onBytes: late, mustStore: true })), code('quota'));
  }
});

test('data that is shorter than the journal says does not count as stored', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const entry = new FakeEntry();
  await fetched(listed(url), options(entry));
  entry.data.truncate(4.5 * MB);
  const { journal } = entry.writer();
  assert.deepEqual([journal?.isWhole(), [...journal!.missing()]], [false, [4, 5]]);
  const outcome = await fetched(listed(url), options(entry));
  assert.deepEqual([sum(outcome), outcome.origins, outcome.stored], [sha256(FILE), 'ccccdd', true]);
});

test('if the site’s data is cleared, the download completes and reports that it is not stored', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: FILE }));
  const entry = new FakeEntry();
  await fetched(listed(url), options(entry));
  entry.log.truncate(entry.log.bytes.length - 2);
  for (const clear of [() => (entry.data.gone = true), () => (entry.data.gone = entry.log.gone = true)]) {
    entry.data.gone = entry.log.gone = false;
    const given = options(entry);
    clear();
    const outcome = await fetched(listed(url), given);
    assert.deepEqual(
      [sum(outcome), outcome.stored, outcome.download.notStored?.code],
      [sha256(FILE), false, 'no-storage'],
    );
  }
});

test('progress counts received bytes, and never decreases', async (t) => {
  const { url } = await serve(t, (request, response, count) =>
    send(request, response, { file: FILE, until: count % 3 === 0 ? 3.3 * MB : Infinity }),
  );
  const seen: number[] = [];
  let download: ChunkedDownload | undefined;
  download = await ChunkedDownload.open(
    listed(url),
    options(new FakeEntry(), { onBytes: () => download && seen.push(download.arrived) }),
  );
  for await (const _ of download) seen.push(download.arrived);
  await download.finish();
  assert.ok(
    seen.every((bytes, i) => bytes >= (seen[i - 1] ?? 0)),
    String(seen),
  );
  assert.equal(seen.at(-1), FILE.length);
  assert.ok(seen.length > 12, 'also between chunks');
});
