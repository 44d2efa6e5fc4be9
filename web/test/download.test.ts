import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { Download, type DownloadOptions } from '../src/download.ts';

const FILE = new Uint8Array(300_000).map((_, i) => (i * 31) >> 3);
const ETAG = '"one"';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** A server for one test; gives its URL and the ranges it was asked for. */
async function serve(t: TestContext, handler: Handler): Promise<{ url: string; ranges: (string | undefined)[] }> {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range);
    handler(request, response, ranges.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file.gguf`, ranges };
}

/** Sends the file or its rest, up to `until`; if that is not the end, the connection breaks there. */
function send(request: IncomingMessage, response: ServerResponse, { until = FILE.length, etag = ETAG, range = true } = {}): void {
  const start = range ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
  const headers: Record<string, string> = { 'Content-Length': String(FILE.length - start), ETag: etag };
  if (start > 0) headers['Content-Range'] = `bytes ${start}-${FILE.length - 1}/${FILE.length}`;
  response.writeHead(start > 0 ? 206 : 200, headers);
  response.write(FILE.subarray(start, until));
  if (until < FILE.length) setTimeout(() => response.destroy(), 20);
  else response.end();
}

const open = (url: string | string[], options: Partial<DownloadOptions> = {}) =>
  Download.open([url].flat(), { signal: new AbortController().signal, retryDelays: [1, 1, 1], ...options });

async function read(download: Download): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of download) parts.push(part);
  return Buffer.concat(parts);
}

const code = (expected: string) => (error: unknown) => (error as { code?: string }).code === expected;

test('a file comes whole, with its length and version known', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response));
  const download = await open(url, { bytes: FILE.length });
  assert.deepEqual([download.start, download.total, download.validator], [0, FILE.length, ETAG]);
  assert.deepEqual(await read(download), Buffer.from(FILE));
});

test('a connection that breaks goes on where it was', async (t) => {
  const { url, ranges } = await serve(t, (request, response, count) => send(request, response, { until: Math.min(100_000 * count, FILE.length) }));
  assert.deepEqual(await read(await open(url)), Buffer.from(FILE));
  assert.deepEqual(ranges, [undefined, 'bytes=100000-', 'bytes=200000-']);
});

test('a server that cannot resume ends in `network`, with how far it came', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { until: 150_000, range: false }));
  await assert.rejects(open(url).then(read), (error: any) => error.code === 'network' && error.details.received === 150_000);
  assert.equal(ranges.length, 2);
});

test('a connection that breaks again and again without progress ends in `network`', async (t) => {
  const { url, ranges } = await serve(t, (request, response, count) => (count === 1 ? send(request, response, { until: 1000 }) : request.socket.destroy()));
  await assert.rejects(open(url).then(read), code('network'));
  assert.equal(ranges.length, 4);
});

test('a file that changes while it is resumed is not glued together', async (t) => {
  const { url } = await serve(t, (request, response, count) => send(request, response, count === 1 ? { until: 1000 } : { etag: '"two"' }));
  await assert.rejects(open(url).then(read), code('network'));
});

test('a stalled connection counts as broken', async (t) => {
  const { url, ranges } = await serve(t, (request, response, count) => {
    if (count > 1) return send(request, response);
    response.writeHead(200, { 'Content-Length': String(FILE.length), ETag: ETAG });
    response.write(FILE.subarray(0, 5000));
  });
  assert.deepEqual(await read(await open(url, { stallTimeout: 100 })), Buffer.from(FILE));
  assert.deepEqual(ranges, [undefined, 'bytes=5000-']);
});

test('an earlier download is gone on with', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response));
  const download = await open(url, { partial: { bytes: 120_000, total: FILE.length, validator: ETAG } });
  assert.equal(download.start, 120_000);
  assert.deepEqual(await read(download), Buffer.from(FILE.subarray(120_000)));
});

test('an earlier download of another version is not', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response));
  const download = await open(url, { partial: { bytes: 120_000, total: FILE.length, validator: '"old"' } });
  assert.equal(download.start, 0);
  assert.deepEqual(await read(download), Buffer.from(FILE));
  assert.deepEqual(ranges, ['bytes=120000-', undefined]);
});

test('statuses have their codes, and only the passing ones are tried again', async (t) => {
  for (const [status, expected, tries] of [[404, 'not-found', 1], [410, 'not-found', 1], [403, 'http', 1], [503, 'http', 3]] as const) {
    const { url, ranges } = await serve(t, (_, response) => response.writeHead(status).end());
    await assert.rejects(open(url), code(expected), String(status));
    assert.equal(ranges.length, tries, String(status));
  }
});

test('a server that is busy for a moment is waited for', async (t) => {
  const { url } = await serve(t, (request, response, count) => (count === 1 ? response.writeHead(503).end() : send(request, response)));
  assert.deepEqual(await read(await open(url)), Buffer.from(FILE));
});

test('no server at all is `network`', async () => {
  await assert.rejects(open('http://127.0.0.1:9/file.gguf'), code('network'));
});

test('another length than the listed one is `integrity`, before a byte is used', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response));
  await assert.rejects(open(url, { bytes: FILE.length + 1 }), code('integrity'));
});

test('too many or too few bytes without a stated length are `integrity`', async (t) => {
  const { url } = await serve(t, (_, response) => response.writeHead(200).end(FILE));
  await assert.rejects(open(url, { bytes: FILE.length - 1 }).then(read), code('integrity'));
  await assert.rejects(open(url, { bytes: FILE.length + 1 }).then(read), code('integrity'));
});

test('the next place is asked when one has nothing', async (t) => {
  const missing = await serve(t, (_, response) => response.writeHead(404).end());
  const page = await serve(t, (_, response) => response.writeHead(200).end('<!doctype html>'));
  const { url } = await serve(t, (request, response) => send(request, response));
  const download = await open([missing.url, url], { bytes: FILE.length });
  assert.equal(download.url, url);
  assert.deepEqual(await read(download), Buffer.from(FILE));
  // A single-page site answers everything with its page: it has no stated length here, so only the end shows it.
  await assert.rejects(open([page.url], { bytes: FILE.length }).then(read), code('integrity'));
});

test('the signal ends waiting and reading', async (t) => {
  const { url } = await serve(t, (_, response) => {
    response.writeHead(200, { 'Content-Length': String(FILE.length) });
    response.write(FILE.subarray(0, 1000));
  });
  const controller = new AbortController();
  const download = await open(url, { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(read(download), code('aborted'));
  await assert.rejects(open(url, { signal: controller.signal }), code('aborted'));
});
