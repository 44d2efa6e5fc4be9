// The chunks of the test model: what a page requests of them, and what its store holds.
import { MODEL, MODEL_BYTES } from '../../support/harness.mjs';

/** The model's SHA-256. */
export const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
/** The model's path on the server. */
export const ADDRESS = `/models/${MODEL}`;
/** The bytes of a chunk, which is requested, checked and stored as a whole. */
export const CHUNK = 4 << 20;
/** The number of the model's chunks. */
export const CHUNKS = Math.ceil(MODEL_BYTES / CHUNK);
/** The index of the chunk with this byte. */
export const chunkOf = (at) => Math.floor(at / CHUNK);
/** The `Range` of a chunk. */
export const rangeOf = (index) => `bytes=${index * CHUNK}-${Math.min((index + 1) * CHUNK, MODEL_BYTES) - 1}`;
/** The ranges of the model that were requested since the last `requests.length = 0`. */
export const ranges = (server) => server.requests.filter(({ path }) => path === ADDRESS).map(({ range }) => range);
/** The number of bytes in these ranges. */
export const asked = (server) =>
  ranges(server)
    .map((range) => range.slice(6).split('-').map(Number))
    .reduce((sum, [from, to]) => sum + to - from + 1, 0);

/** Waits for requests that are still in transit, then removes the server's faults and its record of requests. */
export async function recovered(server) {
  await new Promise((resolve) => setTimeout(resolve, 300));
  server.faults.clear();
  server.requests.length = 0;
}

/** The files of the store, with their sizes. */
export const files = (page) =>
  page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models', { create: true });
    const found = {};
    for await (const [name, handle] of folder.entries())
      found[name] = (await /** @type {FileSystemFileHandle} */ (handle).getFile()).size;
    return found;
  });

/** Overwrites bytes of a stored file, as a failing disk or another program might. */
export const damage = (page, name, at, bytes) =>
  page.evaluate(
    async (name, at, bytes) => {
      const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('linnet-models');
      const writable = await (await folder.getFileHandle(name)).createWritable({ keepExistingData: true });
      await writable.write({ type: 'write', position: at, data: new Uint8Array(bytes) });
      await writable.close();
    },
    name,
    at,
    bytes,
  );
