import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinnetError } from '../../src/protocol/errors.ts';
import { readLoadOptions } from '../../src/api/load-options.ts';
import { fileOf } from '../../src/models/model-bytes.ts';
import { namesOf } from '../../src/models/names.ts';
import { models } from '../../src/models/models.ts';
import { type ModelSource, resolveModel } from '../../src/models/sources.ts';

const HERE = 'https://example.com/app/';
const resolve = (source: unknown, bases: string[] = []) =>
  resolveModel(source as ModelSource, { models, bases, here: HERE });

/** What the loader makes of a source. */
const read = async (given: unknown) => (await fileOf(given, undefined, undefined)).source;

/** An error that names the field and describes the problem. */
function names(field: string, words: RegExp) {
  return (error: LinnetError) => {
    const { name, code, details, message } = error;
    assert.deepEqual([name, code, details['field']], ['LinnetError', 'invalid-request', field], message);
    assert.match(message, words);
    return true;
  };
}

test('an error names an invalid model and the allowed values', () => {
  for (const [source, kind] of [
    [undefined, 'undefined'],
    [null, 'null'],
    [7, '7'],
    [true, 'true'],
    [{}, 'an object'],
    [() => {}, 'a function'],
    [Symbol('x'), 'a symbol'],
    [new Map(), 'of the kind Map'],
    [new Date(), 'of the kind Date'],
  ] as const) {
    const said = new RegExp(`is .*${kind}, but must be the id of a listed model, a URL, a File`);
    assert.throws(() => resolve(source), names('model', said));
  }
  const like = (kind: string) => ({ [Symbol.toStringTag]: kind, id: 'x', url: '/a', files: [] });
  for (const [source, words] of [
    [Promise.resolve(), /is a Promise: pass what it resolves to/],
    [new Request('http://a.example/'), /is a Request: pass its address/],
    [like('FileList'), /is a FileList: pass one of its files/],
    [like('HTMLInputElement'), /input\.files\[0\]/],
    [like('HTMLDivElement'), /kind HTMLDivElement, but must be/],
    [new SharedArrayBuffer(1), /shared memory/],
  ] as const) {
    assert.throws(() => resolve(source), names('model', words));
  }
  assert.throws(
    () => resolve([new Response()]),
    names('model[0]', /Response, but must be the id of a listed model, a URL, a File or an ArrayBuffer/),
  );
  assert.throws(
    () => resolve({ url: 'a.gguf' }),
    names('key', /is undefined, but must be .*Pass an address that never changes as a string/),
  );
  assert.throws(() => resolve({ url: 7, key: 'k' }), names('url', /is 7, but must be a URL/));
  assert.throws(() => resolve({ files: [{ url: 'a.gguf' }] }), names('id', /is undefined, but must be/));
  assert.throws(() => resolve({ id: 'a', files: [{ url: 7 }] }), names('files[0].url', /is 7, but must be an address/));
  assert.throws(() => resolve({ id: 'a', files: {} }), names('files', /is an object, but/));
  for (const address of ['javascript:1', 'file:///a.gguf', 'about:blank', 'http://u:p@a.example/m.gguf']) {
    assert.throws(() => resolve(address), names('model', /nor a URL that a page can fetch/));
    assert.throws(() => resolve(new URL(address)), names('model', /not a URL that a page can fetch/));
  }
  for (const address of ['blob:https://example.com/1', 'data:,x', 'asset://localhost/a.gguf'])
    assert.ok(resolve(address));
  assert.throws(() => resolve([]), names('model', /empty list/));
  assert.throws(() => resolve([new Blob(), 7]), names('model[1]', /is 7/));
  assert.throws(() => resolve('no-such-model'), names('model', /"no-such-model" is neither the id/));
  assert.throws(() => resolve(''), names('model', /"" is neither/));
  assert.throws(() => resolve('http://['), names('model', /nor a URL/));
  assert.throws(() => resolve(models.all[0]!.id, ['http://[']), names('modelBase', /not a URL/));
  assert.throws(() => resolve({ id: 'a', files: [{ url: 'http://[' }] }), names('url', /not a URL/));
});

test('an entry that is a proxy can be sent to a worker', () => {
  const deep = <T extends object>(value: T): T =>
    new Proxy(value, {
      get: (target, name) => {
        const held = Reflect.get(target, name) as unknown;
        return typeof held === 'object' && held !== null ? deep(held) : held;
      },
    });
  const sha256 = 'a'.repeat(64);
  const file = { url: 'm.gguf', bytes: 100, sha256, chunks: { bytes: 65_536, sha256: [sha256] } };
  const entry = deep({ id: 'own', files: [file] });
  const sources = [entry, deep(['a.gguf', 'b.gguf']), deep({ url: 'm.gguf', key: 'k' })];
  for (const source of sources) structuredClone(resolve(source));
  const files = [{ url: 'm.gguf', name: () => 'x' }];
  assert.throws(() => resolve({ id: 'own', files }), names('model.files[0].name', /a function/));
  const throws = {
    id: 'own',
    get files(): never {
      throw new Error('no files');
    },
  };
  assert.throws(() => resolve(throws), names('model.files', /cannot be read: no files/));
  assert.throws(() => resolve(new Proxy(new Blob(), {})), names('model', /pass the file itself/));
});

test('options are checked before anything is started', () => {
  const watching = { onProgress: undefined, signal: undefined };
  const none = { task: { backend: 'auto' }, bases: [], recovery: 'auto', policy: {}, ...watching };
  assert.deepEqual(readLoadOptions({}), none);
  assert.deepEqual(readLoadOptions({ threads: undefined, signal: null }), none);
  for (const [field, value] of Object.entries({
    backend: 'gpu',
    kvFormat: 'q4',
    storage: true,
    recovery: 1,
    threads: 0,
    contextLength: NaN,
    memoryLimit: '8',
    modelBase: 7,
    onProgress: {},
    signal: {},
    pace: 'fast',
  })) {
    assert.throws(() => readLoadOptions({ [field]: value }), names(field, /must be/));
  }
  assert.throws(() => readLoadOptions({ bakend: 'cpu' }), names('bakend', /is not an option: use backend, /));
  const throws = {
    get threads(): never {
      throw new Error('no');
    },
  };
  assert.throws(() => readLoadOptions(throws), names('threads', /cannot be read: no/));
  assert.throws(() => readLoadOptions(null), names('options', /null, but must be an object/));
});

test('bytes, a stream and a Response become a file', async () => {
  const bytes = new Uint8Array([71, 71, 85, 70, 1]);
  const seen: unknown[] = [];
  const response = new Response(bytes, { headers: { 'content-length': '5' } });
  for (const source of [bytes.buffer, bytes, new Response(bytes).body!, response]) {
    const { source: file } = await fileOf(source, (progress) => seen.push(progress), undefined);
    assert.ok(file instanceof Blob);
    assert.deepEqual(new Uint8Array(await file.arrayBuffer()), bytes);
  }
  assert.deepEqual(seen, [
    { phase: 'download', loaded: 5 },
    { phase: 'download', loaded: 5, total: 5 },
  ]);
  const view = bytes.subarray(1, 3);
  assert.equal(((await read(view)) as Blob).size, 2);
  const parts = (await read([bytes.buffer, 'b.gguf', view])) as (Blob | string)[];
  assert.deepEqual(
    parts.map((part) => (part instanceof Blob ? part.size : part)),
    [5, 'b.gguf', 2],
  );
  const other = { id: 'x' };
  assert.equal(await read(other), other);
});

test('a promise is refused, and not waited for', { timeout: 5000 }, async () => {
  const failed = Promise.reject(new Error('mine'));
  failed.catch(() => {});
  for (const source of [new Promise(() => {}), Promise.resolve('a.gguf'), failed]) {
    const found = await fileOf(source, undefined, undefined);
    assert.throws(() => resolve(found.source), names('model', /is a Promise: pass what it resolves to/));
  }
  // biome-ignore lint/suspicious/noThenProperty: this is what is tested
  const thenable = await fileOf({ then: () => {} }, undefined, undefined);
  assert.throws(() => resolve(thenable.source), names('model', /is an object, but must be/));
});

test('bytes that cannot be read say why', async () => {
  const transferred = new Uint8Array(8);
  structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
  for (const [source, field, words] of [
    [transferred.buffer, 'model', /was transferred elsewhere: read the bytes again/],
    [transferred, 'model', /was transferred/],
    [[new Blob(), transferred], 'model[1]', /was transferred/],
    [new Uint8Array(new SharedArrayBuffer(8)), 'model', /shared memory: pass a copy/],
    [new Proxy(new ArrayBuffer(8), {}), 'model', /a proxy of bytes/],
    [new Proxy(new Uint8Array(8), {}), 'model', /a proxy of bytes/],
  ] as const) {
    await assert.rejects(fileOf(source as never, undefined, undefined), names(field, words));
  }
});

test('proxies that throw are named like other values', async () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const fail = (): never => {
    throw new Error('no');
  };
  const throwing = new Proxy({}, { get: fail, getPrototypeOf: fail, has: fail, ownKeys: fail });
  for (const source of [proxy, throwing, [proxy], [throwing]]) {
    await assert.rejects(fileOf(source as never, undefined, undefined), names('model', /cannot be read/));
    assert.throws(() => resolve(source), names('model', /cannot be read/));
  }
});

test('the progress of a stream is reported about ten times a second', async () => {
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < 1000; i++) controller.enqueue(new Uint8Array(10));
      controller.close();
    },
  });
  let reports = 0;
  const { source: file } = await fileOf(stream, () => reports++, undefined);
  assert.equal((file as Blob).size, 10_000);
  assert.ok(reports >= 1 && reports < 100, `${reports}`);
});

test('a stream that cannot be read says why', async () => {
  const read = (source: ReadableStream | Response, signal?: AbortSignal) => fileOf(source, undefined, signal);
  await assert.rejects(read(new Response('', { status: 404 })), { code: 'not-found' });
  await assert.rejects(read(new Response('', { status: 500 })), { code: 'http' });
  await assert.rejects(read(Response.error()), names('model', /does not allow CORS/));
  const used = new Response('x');
  await used.text();
  await assert.rejects(read(used), names('model', /already read/));
  const locked = new Response('x').body!;
  locked.getReader();
  await assert.rejects(read(locked), names('model', /already being read/));
  const texts = new ReadableStream({ pull: (controller) => controller.enqueue('text') });
  await assert.rejects(read(texts), names('model', /is a stream of a string, but must be a stream of bytes/));
  await assert.rejects(read(new ReadableStream({ pull: (c) => c.error(new TypeError('gone')) })), { code: 'network' });
  const abort = new AbortController();
  const reading = read(new ReadableStream({}), abort.signal);
  abort.abort();
  await assert.rejects(reading, { code: 'aborted' });
});

test('a listed model has its list name, whichever of its names loaded it', () => {
  const { id, name, files } = models.all.find((model) => model.files.length === 1)!;
  const [file] = files;
  for (const source of [id, file!.url, new URL(file!.url), `stored:${file!.sha256}`, { id, name, files }]) {
    const { listed, others } = namesOf(source, HERE);
    assert.equal(listed, name);
    for (const known of [id, file!.name, file!.url]) assert.ok(others.includes(known), known);
  }
  const others = ['m/a.gguf?x', `${HERE}m/a.gguf?x`, 'a.gguf'];
  assert.deepEqual(namesOf('m/a.gguf?x', HERE), { listed: undefined, others });
  assert.deepEqual(namesOf(new File([], 'b.gguf'), HERE), { listed: undefined, others: ['b.gguf'] });
  assert.deepEqual(namesOf({ url: 'a.gguf', key: 'k' }, HERE).others, ['k', 'a.gguf', `${HERE}a.gguf`]);
});
