import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Journal, lines } from '../../src/store/journal.ts';
import type { WasmModule } from '../../src/protocol/wasm.ts';
import { code } from '../fakes/http-file.ts';
import { Sha256, sha256 } from '../fakes/fake-store.ts';

// An open channel keeps Node from exiting.
const channels: MessageChannel[] = [];
globalThis.MessageChannel = class extends MessageChannel {
  constructor() {
    super();
    channels.push(this);
  }
};
const { loadModel } = await import('../../src/worker/load.ts');
after(() => {
  for (const { port1 } of channels) port1.close();
});

const BYTES = new TextEncoder().encode('GGUF');
const URL_ = 'https://host/a.gguf';

/** A browser that has stored the file. Returns the names of the stored files. */
function stored(): Set<string> {
  const key = sha256(new TextEncoder().encode(URL_));
  const journal = new Journal({ url: URL_, chunkBytes: 100, total: BYTES.length });
  const text = journal.head() + lines.saved(0, { bytes: BYTES.length, checksum: sha256(BYTES) }) + lines.done();
  const files = new Map<string, BlobPart>([
    [`${key}.journal`, text],
    [`${key}.gguf`, BYTES],
  ]);
  const names = new Set(files.keys());
  const none = () => Promise.reject(new DOMException('none', 'NotFoundError'));
  const folder = {
    getFileHandle: (name: string) => {
      if (!names.has(name)) return none();
      return Promise.resolve({ getFile: async () => new Blob([files.get(name)!]), createSyncAccessHandle: none });
    },
    removeEntry: (name: string) => (names.delete(name) ? Promise.resolve() : none()),
  };
  const storage = { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) };
  Object.defineProperty(globalThis, 'navigator', { value: { storage }, configurable: true });
  return names;
}

/** A module that rejects every file with that code. */
function refusing(refusal: string): WasmModule {
  const refuse = () => Promise.reject(Object.assign(new Error('refused'), { name: 'LinnetError', code: refusal }));
  const create = async () => ({ push: refuse, free: () => {} });
  return { Checksum: Sha256, Sha256, Loader: { create }, mostBytes: 1e9 } as unknown as WasmModule;
}

test('a damaged stored copy is removed; one that this version cannot run is kept', async () => {
  for (const [refusal, left] of [
    ['bad-model', 0],
    ['integrity', 0],
    ['unsupported-architecture', 2],
    ['unsupported-quantization', 2],
    ['unsupported-tokenizer', 2],
  ] as const) {
    const names = stored();
    const request = { model: [{ kind: 'remote' as const, urls: [URL_] }], backend: 'cpu' as const };
    const load = loadModel(
      async () => refusing(refusal),
      request,
      () => {},
      new AbortController().signal,
    );
    await assert.rejects(load, code(refusal));
    assert.equal(names.size, left, refusal);
  }
});
