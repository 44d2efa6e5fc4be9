import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Journal } from '../src/journal.ts';
import { listStored } from '../src/library.ts';

/** A browser whose folder of models has these journals. */
function store(journals: Record<string, string>): void {
  const folder = {
    keys: async function* () {
      yield* Object.keys(journals);
    },
    getFileHandle: async (name: string) => ({ getFile: async () => new Blob([journals[name]!]) }),
  };
  const storage = { getDirectory: async () => ({ getDirectoryHandle: async () => folder }) };
  Object.defineProperty(globalThis, 'navigator', { value: { storage }, configurable: true });
  Object.defineProperty(globalThis, 'location', { value: new URL('https://site.example/'), configurable: true });
}

test('what is stored has a name, whatever its address looks like', async () => {
  const addresses = {
    'https://host/a%20model.gguf': 'a model.gguf',
    'https://host/100%.gguf?download=true': '100%.gguf',
    'https://host/%E0%A4%A.gguf': '%E0%A4%A.gguf',
    'https://host/': 'https://host/',
    'no address': 'no address',
  };
  const heads = Object.keys(addresses).map((url, at) => [`${at}.journal`, new Journal({ url, chunkBytes: 4 << 20 }).head()]);
  store(Object.fromEntries(heads));
  const found = Object.fromEntries((await listStored([])).map(({ source, name }) => [source, name]));
  assert.deepEqual(found, addresses);
});
