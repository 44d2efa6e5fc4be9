// Files read in pieces: never whole, for they may be larger than the memory.

/** Files are read in pieces of this size: of a blob two are alive at once. */
const SLICE = 4 << 20;

/** A blob's bytes in order. The next slice is being read while the consumer works on this one. */
export async function* blobSlices(blob: Blob, slice = SLICE): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (at: number) => blob.slice(at, at + slice).arrayBuffer();
  let next = blob.size > 0 ? read(0) : undefined;
  for (let at = slice; next; at += slice) {
    const bytes = new Uint8Array(await next);
    next = at < blob.size ? read(at) : undefined;
    // A read that fails while nobody waits for it must not count as unhandled; it is awaited in the next round.
    next?.catch(() => {});
    yield bytes;
  }
}
