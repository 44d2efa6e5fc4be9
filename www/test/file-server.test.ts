import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request, type RequestOptions } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fileHandler, ISOLATION, listen, PROTECTION } from '../file-server.mjs';

/** A site with a page, a script in a subfolder and a model, in a temporary folder. */
async function site(t: TestContext, { isolated = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'linnet-site-'));
  const [pages, models] = [join(folder, 'pages'), join(folder, 'models')];
  mkdirSync(join(pages, 'assets'), { recursive: true });
  mkdirSync(models);
  writeFileSync(join(pages, 'index.html'), '<p>hello</p>');
  writeFileSync(join(pages, 'a bé.txt'), 'hello');
  writeFileSync(join(pages, '.hidden'), 'secret');
  writeFileSync(join(pages, 'assets', 'linnet.wasm'), new Uint8Array([0, 1, 2, 3]));
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(
    join(models, 'tiny.gguf'),
    new Uint8Array(100_000).map((_, i) => i),
  );
  writeFileSync(join(models, 'ten.gguf'), '0123456789');
  writeFileSync(join(models, 'empty.gguf'), '');
  const headers = { ...PROTECTION, ...(isolated ? ISOLATION : {}) };
  const { origin, close } = await listen(fileHandler({ mounts: { '/': pages, '/models/': models }, headers }), 0);
  t.after(async () => {
    await close();
    rmSync(folder, { recursive: true });
  });
  const { port } = new URL(origin);
  return {
    models,
    port: Number(port),
    ask: (path: string, headers = {}, method = 'GET') => ask({ port, path, headers, method }),
  };
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends the path unchanged; `fetch` would resolve `..` first. */
function ask(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', agent: false, ...options }, async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
    });
    sent.on('error', reject).end();
  });
}

test('pages and wasm have their types and the isolation headers', async (t) => {
  const { ask } = await site(t);
  const page = await ask('/?backend=cpu');
  assert.equal(page.status, 200);
  assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(page.headers['cross-origin-embedder-policy'], 'require-corp');
  assert.equal(page.body.toString(), '<p>hello</p>');
  const wasm = await ask('/assets/linnet.wasm');
  assert.equal(wasm.headers['content-type'], 'application/wasm');
});

test('without isolation neither isolation header is sent', async (t) => {
  const { ask } = await site(t, { isolated: false });
  const { headers } = await ask('/');
  assert.deepEqual(
    Object.keys(headers).filter((name) => /opener|embedder/.test(name)),
    [],
  );
});

test('every response has the headers that protect a page', async (t) => {
  const { ask } = await site(t);
  const known = await ask('/');
  const places: [string, string, Record<string, string>, number][] = [
    ['GET', '/', {}, 200],
    ['GET', '/', { 'If-None-Match': known.headers.etag ?? '' }, 304],
    ['GET', '/assets/linnet.wasm', {}, 200],
    ['GET', '/assets/linnet.wasm', { Range: 'bytes=1-2' }, 206],
    ['GET', '/assets/linnet.wasm', { Range: 'bytes=9-' }, 416],
    ['GET', '/assets', {}, 404],
    ['GET', '/nowhere', {}, 404],
    ['GET', '/%', {}, 404],
    ['POST', '/', {}, 405],
  ];
  for (const [method, path, sent, expected] of places) {
    const { status, headers } = await ask(path, sent, method);
    assert.equal(status, expected, `${method} ${path}`);
    assert.equal(headers['content-security-policy'], "frame-ancestors 'self'");
    assert.equal(headers['referrer-policy'], 'same-origin');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
    assert.match(String(headers['permissions-policy']), /^camera=\(\)/);
  }
});

test('a rebuilt page is revalidated, and an unchanged file is not sent again', async (t) => {
  const { ask, models } = await site(t);
  const before = await ask('/models/ten.gguf');
  assert.equal(before.headers['cache-control'], 'no-cache');
  const tag = before.headers.etag ?? '';
  assert.equal((await ask('/models/ten.gguf', { 'If-None-Match': `"other", ${tag}` })).status, 304);
  // The same length, a moment later.
  await new Promise((resolve) => setTimeout(resolve, 20));
  writeFileSync(join(models, 'ten.gguf'), '9876543210');
  const after = await ask('/models/ten.gguf', { 'If-None-Match': tag });
  assert.deepEqual([after.status, after.body.toString()], [200, '9876543210']);
});

test('a broken download can be resumed', async (t) => {
  const { ask } = await site(t);
  const whole = await ask('/models/tiny.gguf');
  assert.equal(whole.headers['content-length'], '100000');
  assert.equal(whole.headers['accept-ranges'], 'bytes');
  const tag = whole.headers.etag ?? '';
  assert.match(tag, /^"/, 'If-Range heeds no weak tag');

  const rest = await ask('/models/tiny.gguf', { Range: 'bytes=99000-', 'If-Range': tag });
  assert.equal(rest.status, 206);
  assert.equal(rest.headers['content-range'], 'bytes 99000-99999/100000');
  assert.ok(rest.body.equals(whole.body.subarray(99_000)));

  const all = await ask('/models/tiny.gguf', { Range: 'bytes=99000-', 'If-Range': '"other"' });
  assert.equal(all.status, 200);
  assert.ok(all.body.equals(whole.body));

  const none = await ask('/models/tiny.gguf', { Range: 'bytes=100000-' });
  assert.equal(none.status, 416);
  assert.equal(none.headers['content-range'], 'bytes */100000');
  assert.equal(none.body.length, 0);

  const same = await ask('/models/tiny.gguf', { 'If-None-Match': tag });
  assert.equal(same.status, 304);
  assert.equal(same.body.length, 0);
});

test('HEAD returns the length without a body', async (t) => {
  const { ask } = await site(t);
  const { status, headers, body } = await ask('/models/tiny.gguf', {}, 'HEAD');
  assert.deepEqual([status, headers['content-length'], body.length], [200, '100000', 0]);
});

test('nothing outside the folders is served', async (t) => {
  const { ask } = await site(t);
  for (const path of [
    '/../secret',
    '/%2e%2e/secret',
    '/%2e%2e%2fsecret',
    '/..%5csecret',
    '/assets/../../secret',
    '/models/../secret',
    '/models/%2e%2e/secret',
    '/models//secret/',
    '/.hidden',
    '/%',
    '/a%00',
    'http://127.0.0.1/../secret',
  ]) {
    assert.equal((await ask(path)).status, 404, path);
  }
  const { status, headers } = await ask('/', { 'Content-Length': '0' }, 'POST');
  assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
});

test('a slow client does not block others', async (t) => {
  const { ask, models, port } = await site(t);
  // More than any socket buffer holds, so that each of these responses blocks half-way.
  const huge = join(models, 'huge.gguf');
  writeFileSync(huge, '');
  truncateSync(huge, 2 ** 28);
  const slow = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of slow) socket.destroy();
  });
  for (const socket of slow) {
    socket.pause();
    socket.write('GET /models/huge.gguf HTTP/1.1\r\nHost: x\r\n\r\n');
  }
  await Promise.all(slow.map((socket) => new Promise((resolve) => socket.once('readable', resolve))));
  assert.equal((await ask('/')).status, 200);
});

test('ranges are parsed as the standard says', async (t) => {
  const { ask } = await site(t);
  const part = async (range: string, name = 'ten') => {
    const { status, headers, body } = await ask(`/models/${name}.gguf`, { Range: range });
    return [status, headers['content-range'], body.toString()];
  };
  assert.deepEqual(await part('bytes=0-0'), [206, 'bytes 0-0/10', '0']);
  assert.deepEqual(await part('bytes=4-'), [206, 'bytes 4-9/10', '456789']);
  assert.deepEqual(await part('bytes=4-99'), [206, 'bytes 4-9/10', '456789']);
  assert.deepEqual(await part('bytes=-3'), [206, 'bytes 7-9/10', '789']);
  assert.deepEqual(await part('bytes=-30'), [206, 'bytes 0-9/10', '0123456789']);
  for (const none of ['bytes=10-', 'bytes=-0']) assert.deepEqual(await part(none), [416, 'bytes */10', ''], none);
  assert.deepEqual(await part('bytes=0-', 'empty'), [416, 'bytes */0', '']);
  for (const whole of ['bytes=5-4', 'bytes=0-1,4-5', 'lines=0-1', 'bytes=a-b', 'bytes=-', 'bytes']) {
    assert.deepEqual(await part(whole), [200, undefined, '0123456789'], whole);
  }
});

test('percent signs are decoded or rejected', async (t) => {
  const { ask } = await site(t);
  assert.deepEqual((await ask('/a%20b%C3%A9.txt')).body.toString(), 'hello');
  for (const wrong of ['/a%2', '/a%ff', '/a%2520b%C3%A9.txt']) assert.equal((await ask(wrong)).status, 404, wrong);
});

test('the command prints the address, and fails if the port is taken', async (t) => {
  const script = resolve('serve.mjs');
  const taken = createServer();
  await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const refused = await new Promise<{ code: unknown; stderr: string }>((done) => {
    execFile(process.execPath, [script, '--port', String(port)], (error, _, stderr) =>
      done({ code: error?.code, stderr }),
    );
  });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, new RegExp(`^Port ${port} is not available. Choose another one with --port.`));

  const child = execFile(process.execPath, [script, '--port', '0', '--pages', resolve('public'), '--no-isolation']);
  t.after(() => child.kill());
  const printed = await new Promise<string>((done) => child.stdout?.once('data', done));
  const origin = /^Linnet is at (http:\/\/127\.0\.0\.1:\d+\/)\n/.exec(printed)?.[1];
  const { status, headers } = await ask({ port: new URL(origin ?? '').port, path: '/favicon.svg' });
  assert.deepEqual(
    [status, headers['content-type'], headers['cross-origin-opener-policy']],
    [200, 'image/svg+xml', undefined],
  );
});
