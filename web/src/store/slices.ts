// Reads files in pieces, since they may be larger than the memory.

/** The size of a piece; two pieces of a blob are in memory at once. */
const SLICE = 4 << 20;

/** A blob's bytes in order. The next slice is read while the consumer processes this one. */
export async function* blobSlices(blob: Blob, slice = SLICE): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (at: number) => blob.slice(at, at + slice).arrayBuffer();
  let next = blob.size > 0 ? read(0) : undefined;
  for (let at = slice; next; at += slice) {
    const bytes = new Uint8Array(await next);
    next = at < blob.size ? read(at) : undefined;
    // A read may fail before it is awaited in the next round; this is not an unhandled rejection.
    next?.catch(() => {});
    yield bytes;
  }
}
