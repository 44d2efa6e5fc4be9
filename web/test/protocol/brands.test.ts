import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import * as brands from '../../src/protocol/brands.ts';
import { readBases } from '../../src/protocol/read-options.ts';
import { fileOf } from '../../src/models/model-bytes.ts';
import { models } from '../../src/models/models.ts';
import { namesOf } from '../../src/models/names.ts';
import { type ModelSource, resolveModel } from '../../src/models/sources.ts';

const HERE = 'https://example.com/app/';
const BYTES = new TextEncoder().encode('GGUF');

/**
 * An object as another frame's page makes it: with its own class, which this page does not know. Node recognizes its
 * `Response` only by that; the browser suites test it.
 */
function foreign<T extends object>(value: T): T {
  const copy = (owner: object): object | null => {
    const above = Object.getPrototypeOf(owner);
    return above && Object.create(copy(above), Object.getOwnPropertyDescriptors(owner));
  };
  return Object.setPrototypeOf(value, copy(Object.getPrototypeOf(value)));
}

const foreignBytes = () => runInNewContext('new Uint8Array([71, 71, 85, 70])') as Uint8Array<ArrayBuffer>;
const read = async (source: unknown) => (await fileOf(source, undefined, undefined)).source;
const resolve = (source: unknown) => resolveModel(source as ModelSource, { models, bases: [], here: HERE });

test('objects of another frame are recognized', () => {
  const stream = () => new ReadableStream();
  for (const [is, value] of [
    [brands.isArrayBuffer, foreignBytes().buffer],
    [brands.isUint8Array, foreignBytes()],
    [brands.isSharedMemory, runInNewContext('new SharedArrayBuffer(1)')],
    [brands.isBlob, foreign(new Blob([]))],
    [brands.isBlob, foreign(new File([], 'a'))],
    [brands.isUrl, foreign(new URL(HERE))],
    [brands.isReadableStream, foreign(stream())],
  ] as const) {
    assert.ok(!(value instanceof Object), 'it has other classes');
    assert.ok(is(value), is.name);
    for (const other of [undefined, null, 7, 'a', {}, [], new Date(), { size: 1, href: HERE }]) {
      assert.ok(!is(other), `${is.name} ${String(other)}`);
    }
  }
});

test('a model of another frame is loaded like any other', async () => {
  const stream = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(foreignBytes());
        controller.close();
      },
    });
  for (const source of [foreignBytes(), foreignBytes().buffer, foreign(stream())]) {
    const file = await read(source);
    assert.ok(file instanceof Blob);
    assert.deepEqual(new Uint8Array(await file.arrayBuffer()), BYTES);
  }
  const parts = (await read([foreignBytes(), 'b.gguf'])) as unknown[];
  assert.ok(parts[0] instanceof Blob);
  const url = () => foreign(new URL('https://a.example/m.gguf'));
  assert.deepEqual(resolve(url()), [{ kind: 'remote', urls: ['https://a.example/m.gguf'] }]);
  assert.deepEqual(resolve({ url: url(), key: 'k' }), [
    { kind: 'remote', urls: ['https://a.example/m.gguf'], called: 'k' },
  ]);
  assert.ok(namesOf(url(), HERE).others.includes('m.gguf'));
  assert.deepEqual(readBases(url()), ['https://a.example/m.gguf']);
});
