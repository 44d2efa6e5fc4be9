import assert from 'node:assert/strict';
import { after, beforeEach, mock, test } from 'node:test';
import type { LinnetError } from '../../src/protocol/errors.ts';
import type { WasmModule } from '../../src/protocol/wasm.ts';
import { ModelCache } from '../../src/store/cache.ts';
import { FakeEntry, setRoom, Sha256, sha256 } from '../fakes/fake-store.ts';

// An open channel keeps Node from exiting.
const channels: MessageChannel[] = [];
globalThis.MessageChannel = class extends MessageChannel {
  constructor() {
    super();
    channels.push(this);
  }
};
const { storeModel } = await import('../../src/worker/store-model.ts');
after(() => {
  for (const { port1 } of channels) port1.close();
});

const MB = 1 << 20;
const BYTES = new Uint8Array(9 * MB).map((_, index) => index >> 7);
BYTES.set(new TextEncoder().encode('GGUF'));

let entry: FakeEntry;

beforeEach(() => {
  setRoom(1e9);
  entry = new FakeEntry();
  const cache = { find: async () => undefined, begin: async () => entry.writer() } as unknown as ModelCache;
  mock.method(ModelCache, 'open', async () => cache);
});

function imported(file: File): Promise<string[]> {
  const wasm = { Checksum: Sha256, Sha256 } as unknown as WasmModule;
  return storeModel(wasm, [{ kind: 'local', blob: file }], () => {}, new AbortController().signal);
}

/** A file whose slices are those of the blob that this function returns. */
function fileOf(read: () => Blob): File {
  const file = new File([BYTES], 'mine.gguf');
  return Object.assign(file, { slice: (start: number, end: number) => read().slice(start, end) });
}

test('an imported file is stored under its hash', async () => {
  assert.deepEqual(await imported(fileOf(() => new Blob([BYTES]))), [sha256(BYTES)]);
  assert.deepEqual(entry.data.bytes, BYTES);
  assert.ok(entry.journal()?.isWhole());
});

test('a file that changes while it is imported is not stored under the hash that it had', async () => {
  const other = BYTES.slice();
  other[5 * MB] = 255;
  let reads = 0;
  // The head is read first, and the hash is computed of three slices.
  const file = fileOf(() => new Blob([++reads > 5 ? other : BYTES]));
  await assert.rejects(imported(file), ({ code, message, details }: LinnetError) => {
    assert.deepEqual([code, details['file'], details['found']], ['integrity', 'mine.gguf', sha256(other)]);
    assert.match(message, /changed while it was stored/);
    return true;
  });
  assert.equal(entry.journal(), undefined);
});

test('a file that can no longer be read says to choose it again', async () => {
  for (const name of ['NotReadableError', 'NotFoundError']) {
    for (const good of [0, 2, 6]) {
      let reads = 0;
      const broken = { arrayBuffer: () => Promise.reject(new DOMException('gone', name)) };
      const file = fileOf(() => {
        const blob = new Blob([BYTES]);
        return ++reads > good ? Object.assign(blob, { slice: () => broken }) : blob;
      });
      await assert.rejects(imported(file), ({ code, message, details }: LinnetError) => {
        assert.deepEqual([code, details['file']], ['not-found', 'mine.gguf']);
        assert.match(message, /"mine.gguf" can no longer be read.*choose the file again/);
        return true;
      });
      assert.equal(entry.journal(), undefined);
    }
  }
});
