// Makes small GGUF files, and splits a model into parts.

/** A GGUF v3 file without tensors, with these strings as metadata. */
export function gguf(metadata) {
  const entries = Object.entries(metadata);
  return Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(0),
    u64(entries.length),
    ...entries.flatMap(([key, value]) => [string(key), u32(8), string(value)]),
  ]);
}

/** Adds metadata to a GGUF v3 file: strings under new names. */
export function withMetadata(file, added) {
  const { pairs, metadata, tensors, data } = directory(file);
  const more = Object.entries(added).map(([key, value]) => Buffer.concat([string(key), u32(8), string(value)]));
  const entries = tensors.map(({ entry, at }) => Buffer.concat([entry, u64(at)]));
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(pairs + more.length),
    metadata,
    ...more,
    ...entries,
  ]);
  return Buffer.concat([header, Buffer.alloc(align(header.length) - header.length), file.subarray(data)]);
}

/**
 * Splits a file like `gguf-split`: part i begins with the tensor `firsts[i]`, in the directory's order. The first part
 * has the metadata.
 *
 * @param {Buffer} file a GGUF v3 file
 * @param {number[]} firsts
 */
export function splitInto(file, firsts) {
  const { pairs, metadata, tensors, data } = directory(file);
  return firsts.map((first, no) => {
    const own = tensors.slice(first, firsts[no + 1]);
    let length = 0;
    const entries = own.map(({ entry, bytes }) => {
      const placed = Buffer.concat([entry, u64(length)]);
      length += align(bytes);
      return placed;
    });
    const split = [
      Buffer.concat([string('split.no'), u32(2), u16(no)]),
      Buffer.concat([string('split.count'), u32(2), u16(firsts.length)]),
      Buffer.concat([string('split.tensors.count'), u32(5), u32(tensors.length)]),
    ];
    const header = Buffer.concat([
      Buffer.from('GGUF'),
      u32(3),
      u64(own.length),
      u64(split.length + (no === 0 ? pairs : 0)),
      ...split,
      ...(no === 0 ? [metadata] : []),
      ...entries,
    ]);
    const contents = own.flatMap(({ at, bytes }) => [
      file.subarray(data + at, data + at + bytes),
      Buffer.alloc(align(bytes) - bytes),
    ]);
    return Buffer.concat([header, Buffer.alloc(align(header.length) - header.length), ...contents]);
  });
}

const ALIGNMENT = 32;
const align = (length) => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/** Reads a file's raw metadata, its tensors, and the offset of their data. */
function directory(file) {
  let at = 8;
  const u32 = () => file.readUInt32LE((at += 4) - 4);
  const u64 = () => Number(file.readBigUInt64LE((at += 8) - 8));
  const [count, pairs] = [u64(), u64()];
  const start = at;
  const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
  const pass = (/** @type {number} */ bytes) => (at += bytes);
  const skip = (type) => {
    if (type === 8) pass(u64());
    else if (type === 9) for (let inner = u32(), left = u64(); left > 0; left--) skip(inner);
    else pass(sizes[type] ?? 0);
  };
  for (let left = pairs; left > 0; left--) {
    pass(u64());
    skip(u32());
  }
  const metadata = file.subarray(start, at);
  const tensors = Array.from({ length: count }, () => {
    const from = at;
    pass(u64());
    pass(8 * u32() + 4);
    const entry = file.subarray(from, at);
    return { entry, at: u64(), bytes: 0 };
  });
  const data = align(at);
  // In the order of their data, each tensor ends before the next one begins.
  const ordered = [...tensors].sort((a, b) => a.at - b.at);
  for (const [i, tensor] of ordered.entries()) tensor.bytes = (ordered[i + 1]?.at ?? file.length - data) - tensor.at;
  return { pairs, metadata, tensors, data };
}

function u16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function string(text) {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}
