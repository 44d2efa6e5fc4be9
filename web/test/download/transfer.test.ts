import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ChunkBuffer, Transfer, type TransferOptions } from '../../src/download/transfer.ts';
import { code, ETAG, FILE, send, serve } from '../fakes/http-file.ts';

const CHUNK = 100_000;
const FIRST = { start: 0, end: CHUNK };

const open = (url: string | string[], options: Partial<TransferOptions> = {}, first = FIRST) =>
  Transfer.open([url].flat(), first, { signal: new AbortController().signal, retryDelays: [1, 1, 1], ...options });

const piece = (start = 0, length = CHUNK): ChunkBuffer => ({
  index: 0,
  start,
  bytes: new Uint8Array(length),
  filled: 0,
});

async function filled(transfer: Transfer, wanted = piece()): Promise<Uint8Array> {
  await transfer.fill(wanted);
  return wanted.bytes;
}

async function streamed(transfer: Transfer): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of transfer.stream()) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

test('a range arrives with the file’s length and version, in one request', async (t) => {
  const { url, ranges } = await serve(t);
  const transfer = await open(url, { bytes: FILE.length });
  assert.deepEqual([transfer.ranged, transfer.total, transfer.validator], [true, FILE.length, ETAG]);
  assert.deepEqual(await filled(transfer), FILE.subarray(0, CHUNK));
  assert.deepEqual(await filled(transfer, piece(250_000, 50_000)), FILE.subarray(250_000));
  assert.deepEqual(ranges, ['bytes=0-99999', 'bytes=250000-299999']);
});

test('a broken connection is resumed', async (t) => {
  const { url, ranges } = await serve(t, (request, response, count) =>
    send(request, response, { until: 30_000 * count }),
  );
  assert.deepEqual(await filled(await open(url)), FILE.subarray(0, CHUNK));
  assert.deepEqual(ranges, ['bytes=0-99999', 'bytes=30000-99999', 'bytes=60000-99999', 'bytes=90000-99999']);
});

test('a connection that breaks repeatedly fails with network, and the received bytes stay', async (t) => {
  const { url, ranges } = await serve(t, (request, response, count) =>
    count === 1 ? send(request, response, { until: 1000 }) : request.socket.destroy(),
  );
  const wanted = piece();
  await assert.rejects(
    open(url).then((transfer) => filled(transfer, wanted)),
    code('network'),
  );
  assert.equal(ranges.length, 4);
  assert.deepEqual([wanted.filled, wanted.bytes[999]], [1000, FILE[999]]);
});

test('a failing server is tried again, and its status is reported if it does not recover', async (t) => {
  const busy = (times: number) =>
    serve(t, (request, response, count) =>
      count > 1 && count <= 1 + times
        ? response.writeHead(503).end()
        : send(request, response, { until: count === 1 ? 1000 : Infinity }),
    );
  assert.deepEqual(await filled(await open((await busy(2)).url)), FILE.subarray(0, CHUNK));
  await assert.rejects(
    open((await busy(9)).url).then(filled),
    (error: any) => error.code === 'http' && error.details.status === 503,
  );
});

test('parts of two versions of a file are not joined', async (t) => {
  const { url } = await serve(t, (request, response, count) =>
    send(request, response, count === 1 ? { until: 1000 } : { etag: '"two"' }),
  );
  await assert.rejects(open(url).then(filled), code('integrity'));
  const shrunk = await serve(t, (request, response, count) =>
    send(request, response, count === 1 ? {} : { file: FILE.subarray(0, 1000) }),
  );
  const transfer = await open(shrunk.url);
  await assert.rejects(filled(transfer, piece(200_000)), code('integrity'));
});

test('a server that names no version of the file sends it whole, unless its hash is known', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { etag: null }));
  const transfer = await open(url);
  assert.equal(transfer.ranged, false);
  assert.deepEqual(await streamed(transfer), FILE);
  assert.deepEqual(ranges, ['bytes=0-99999', undefined]);
  assert.equal((await open(url, { hashed: true })).ranged, true);
  const dated = await serve(t, (request, response) => {
    response.setHeader('Last-Modified', 'Mon, 01 Jan 2024 00:00:00 GMT');
    send(request, response, { etag: null });
  });
  assert.equal((await open(dated.url)).ranged, true);
});

test('a server without Range sends the whole file, and cannot resume it', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => send(request, response, { range: false }));
  const transfer = await open(url);
  assert.deepEqual([transfer.ranged, transfer.total], [false, FILE.length]);
  assert.deepEqual(await streamed(transfer), FILE);
  assert.equal(ranges.length, 1);
  const broken = await serve(t, (request, response) => send(request, response, { range: false, until: 150_000 }));
  await assert.rejects(
    open(broken.url).then(streamed),
    (error: any) => error.code === 'network' && error.details.received === 150_000,
  );
});

test('a range of a file of unknown length is not used', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => {
    if (!request.headers.range) return send(request, response);
    response.writeHead(206, { 'Content-Length': '1000' }).end(FILE.subarray(0, 1000));
  });
  const transfer = await open(url);
  assert.equal(transfer.ranged, false);
  assert.deepEqual(await streamed(transfer), FILE);
  assert.deepEqual(ranges, ['bytes=0-99999', undefined]);
});

test('a foreign server that forbids Range is asked without it, also for the rest of a file', async (t) => {
  const { url, ranges } = await serve(t, (request, response) =>
    request.headers.range ? request.socket.destroy() : send(request, response),
  );
  const transfer = await open(url);
  assert.equal(transfer.ranged, false);
  assert.deepEqual(await streamed(transfer), FILE);
  assert.deepEqual(ranges.at(-1), undefined);
  const rest = await open(url, {}, { start: 5000, end: CHUNK });
  assert.equal(rest.ranged, false);
  assert.deepEqual(await streamed(rest), FILE);
});

test('an empty file has no range, and is empty', async (t) => {
  const { url } = await serve(t, (request, response) => send(request, response, { file: new Uint8Array() }));
  assert.equal((await streamed(await open(url))).length, 0);
});

test('a server that sends too much or too little does no harm', async (t) => {
  const { url } = await serve(t, (request, response) => {
    const start = Number(/=(\d+)/.exec(request.headers.range ?? '')![1]);
    const end = start === 0 ? 20_000 : FILE.length;
    response
      .writeHead(206, { 'Content-Range': `bytes ${start}-${end - 1}/${FILE.length}`, ETAG })
      .end(FILE.subarray(start, end));
  });
  assert.deepEqual(await filled(await open(url)), FILE.subarray(0, CHUNK));
});

test('a stalled connection counts as broken', async (t) => {
  const { url, ranges } = await serve(t, (request, response, count) => {
    if (count > 1) return send(request, response);
    response.writeHead(206, {
      'Content-Range': `bytes 0-99999/${FILE.length}`,
      'Content-Length': '100000',
      ETag: ETAG,
    });
    response.write(FILE.subarray(0, 5000));
  });
  assert.deepEqual(await filled(await open(url, { stallTimeout: 400 })), FILE.subarray(0, CHUNK));
  assert.deepEqual(ranges, ['bytes=0-99999', 'bytes=5000-99999']);
});

test('a server that does not respond is asked again, and then given up', async (t) => {
  const slow = await serve(t, (request, response, count) => void (count > 1 && send(request, response)));
  assert.deepEqual(await filled(await open(slow.url, { stallTimeout: 200 })), FILE.subarray(0, CHUNK));
  const silent = await serve(t, () => {});
  await assert.rejects(open(silent.url, { stallTimeout: 50 }), code('network'));
});

test('each status has an error code, and only temporary ones are tried again', async (t) => {
  for (const [status, expected, tries] of [
    [404, 'not-found', 1],
    [410, 'not-found', 1],
    [403, 'http', 1],
    [503, 'http', 3],
  ] as const) {
    const { url, ranges } = await serve(t, (_, response) => response.writeHead(status).end());
    await assert.rejects(open(url), code(expected), String(status));
    assert.equal(ranges.length, tries, String(status));
  }
});

test('a server that is busy for a moment is asked again', async (t) => {
  const { url } = await serve(t, (request, response, count) =>
    count === 1 ? response.writeHead(503).end() : send(request, response),
  );
  assert.deepEqual(await filled(await open(url)), FILE.subarray(0, CHUNK));
});

test('a missing server fails with network', async () => {
  await assert.rejects(open('http://127.0.0.1:9/file.gguf'), code('network'));
});

test('a length other than the listed one fails with integrity before a byte is used', async (t) => {
  const { url } = await serve(t);
  await assert.rejects(open(url, { bytes: FILE.length + 1 }), code('integrity'));
  const whole = await serve(t, (request, response) => send(request, response, { range: false }));
  await assert.rejects(open(whole.url, { bytes: FILE.length - 1 }), code('integrity'));
});

test('too many or too few bytes without a stated length fail with integrity', async (t) => {
  const { url } = await serve(t, (_, response) => response.writeHead(200).end(FILE));
  await assert.rejects(open(url, { bytes: FILE.length - 1 }).then(streamed), code('integrity'));
  await assert.rejects(open(url, { bytes: FILE.length + 1 }).then(streamed), code('integrity'));
});

test('the next address is asked if one has no file', async (t) => {
  const missing = await serve(t, (_, response) => response.writeHead(404).end());
  const page = await serve(t, (_, response) => response.writeHead(200).end('<!doctype html>'));
  const { url } = await serve(t);
  const transfer = await open([missing.url, url], { bytes: FILE.length });
  assert.equal(transfer.url, url);
  assert.deepEqual(await filled(transfer), FILE.subarray(0, CHUNK));
  // A single-page site sends its page for every address. Without a stated length only the end shows it.
  await assert.rejects(open([page.url], { bytes: FILE.length }).then(streamed), code('integrity'));
});

test('the signal ends waiting and reading', async (t) => {
  const { url } = await serve(t, (_, response) => {
    const range = { 'Content-Range': `bytes 0-99999/${FILE.length}`, 'Content-Length': '100000' };
    response.writeHead(206, { ...range, ETag: ETAG });
    response.write(FILE.subarray(0, 1000));
  });
  const controller = new AbortController();
  const transfer = await open(url, { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(filled(transfer), code('aborted'));
  await assert.rejects(open(url, { signal: controller.signal }), code('aborted'));
});

test('Retry-After is respected, and a server is given up if it is too long', async (t) => {
  const soon = await serve(t, (request, response, count) => {
    if (count === 1) response.writeHead(429, { 'Retry-After': '1' }).end();
    else if (count === 3) response.writeHead(503, { 'Retry-After': new Date(Date.now() + 1500).toUTCString() }).end();
    else send(request, response, { until: count === 2 ? 1000 : Infinity });
  });
  const began = performance.now();
  const transfer = await open(soon.url);
  assert.ok(performance.now() - began > 900);
  assert.deepEqual(await filled(transfer), FILE.subarray(0, CHUNK));
  assert.equal(soon.ranges.length, 4);
  for (const header of ['86400', new Date(Date.now() + 86_400_000).toUTCString()]) {
    const late = await serve(t, (_, response) => response.writeHead(429, { 'Retry-After': header }).end());
    await assert.rejects(open(late.url), (error: any) => {
      assert.deepEqual(
        [error.code, error.details.status, Math.round(error.details.retryAfter / 100)],
        ['http', 429, 864],
      );
      return true;
    });
    assert.equal(late.ranges.length, 1);
  }
  const never = await serve(t, (_, response) => response.writeHead(429, { 'Retry-After': '99999999999' }).end());
  await assert.rejects(open(never.url), { message: 'The server answered with status 429. Try again later.' });
  const odd = await serve(t, (request, response, count) => {
    if (count < 3) response.writeHead(503, { 'Retry-After': ['soon', '-5'][count - 1] }).end();
    else send(request, response);
  });
  assert.deepEqual(await filled(await open(odd.url)), FILE.subarray(0, CHUNK));
});

test('a range with a content coding is not used, and the whole file is requested', async (t) => {
  const { url, ranges } = await serve(t, (request, response) => {
    const asked = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    if (!asked) return void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(FILE));
    const [start, end] = [Number(asked[1]), Number(asked[2]) + 1];
    const headers = { 'Content-Encoding': 'gzip', 'Content-Range': `bytes ${start}-${end - 1}/${FILE.length}` };
    response.writeHead(206, headers).end(gzipSync(FILE.subarray(start, end)));
  });
  const transfer = await open(url, { bytes: FILE.length });
  assert.deepEqual([transfer.ranged, transfer.total], [false, undefined]);
  assert.deepEqual(await streamed(transfer), FILE);
  assert.deepEqual(ranges, ['bytes=0-99999', undefined]);
});

test('a hidden content coding works for a known length; otherwise the error says what to do', async (t) => {
  // As in a browser: Content-Length is that of the encoded bytes, and Content-Encoding is hidden.
  const coded = String(FILE.length - 1000);
  const { mock } = t.mock.method(
    globalThis,
    'fetch',
    async () => new Response(FILE, { headers: { 'Content-Length': coded } }),
  );
  const url = 'https://host.example/file.gguf';
  assert.deepEqual(await streamed(await open(url, { bytes: FILE.length })), FILE);
  await assert.rejects(open(url).then(streamed), ({ code, message, details }: any) => {
    assert.deepEqual([code, details.compressed], ['integrity', true]);
    assert.match(message, /host\.example compresses the file.*Access-Control-Expose-Headers: Content-Encoding/);
    return true;
  });
  // No model compresses to less than half, so this is an error page.
  mock.mockImplementation(async () => new Response('<!doctype html>', { headers: { 'Content-Length': '15' } }));
  await assert.rejects(open(url, { bytes: FILE.length }), code('integrity'));
});

test('a busy address is not waited for while another one has the file', async (t) => {
  const later = { 'Retry-After': '30' };
  const began = performance.now();
  const busy = await serve(t, (_, response) => response.writeHead(503, later).end());
  const dead = 'http://127.0.0.1:9/file.gguf';
  const good = await serve(t);
  for (const urls of [
    [busy.url, good.url],
    [dead, busy.url, good.url],
  ]) {
    const transfer = await open(urls, { retryDelays: [20_000, 20_000] });
    assert.equal(transfer.url, good.url);
    assert.deepEqual(await filled(transfer), FILE.subarray(0, CHUNK));
  }
  // Also in the middle of a file; the bytes before the failure stay.
  const failing = await serve(t, (request, response, count) =>
    count === 1 ? send(request, response) : response.writeHead(429, later).end(),
  );
  const transfer = await open([failing.url, good.url]);
  assert.deepEqual(await filled(transfer), FILE.subarray(0, CHUNK));
  assert.deepEqual(await filled(transfer, piece(CHUNK)), FILE.subarray(CHUNK, 2 * CHUNK));
  assert.equal(failing.ranges.length, 2);
  assert.ok(performance.now() - began < 5000);
});

test('busy addresses are asked again, and one of them sends the rest if others fail', async (t) => {
  const first = await serve(t, (request, response, count) =>
    count === 1 ? response.writeHead(503).end() : send(request, response),
  );
  const second = await serve(t, (request, response, count) =>
    count === 2 ? send(request, response) : response.writeHead(503).end(),
  );
  const gone = await serve(t, (_, response) => response.writeHead(404).end());
  const transfer = await open([gone.url, second.url, first.url], { retryDelays: [20, 40, 80] });
  assert.equal(transfer.url, second.url);
  assert.deepEqual(await filled(transfer), FILE.subarray(0, CHUNK));
  assert.deepEqual(await filled(transfer, piece(CHUNK)), FILE.subarray(CHUNK, 2 * CHUNK));
  assert.deepEqual([transfer.url, gone.ranges.length], [first.url, 1]);
});

test('requests for models do not reveal the page', async (t) => {
  const fetched = t.mock.method(globalThis, 'fetch', async () => new Response(FILE));
  await streamed(await open('https://host.example/file.gguf'));
  const [, init] = fetched.mock.calls[0]!.arguments as [string, RequestInit];
  assert.equal(init.referrerPolicy, 'no-referrer');
});
