// Files read in pieces: never whole, for they may be larger than the memory.

/** Files are read in pieces of this size: of a blob two are alive at once. */
const SLICE = 4 << 20;

/** A blob's bytes in order. The next slice is being read while the consumer works on this one. */
export async function* blobSlices(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const read = (at: number) => blob.slice(at, at + SLICE).arrayBuffer();
  let next = blob.size > 0 ? read(0) : undefined;
  for (let at = SLICE; next; at += SLICE) {
    const bytes = new Uint8Array(await next);
    next = at < blob.size ? read(at) : undefined;
    // A read that fails while nobody waits for it must not count as unhandled; it is awaited in the next round.
    next?.catch(() => {});
    yield bytes;
  }
}

/** The first `bytes` of a stored file, or as many as there are. The buffer is used again for the next slice. */
export function* handleSlices(handle: FileSystemSyncAccessHandle, bytes: number): Generator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(Math.min(SLICE, bytes));
  for (let at = 0; at < bytes; ) {
    const read = handle.read(buffer.subarray(0, Math.min(buffer.length, bytes - at)), { at });
    if (read === 0) return;
    at += read;
    yield buffer.subarray(0, read);
  }
}
