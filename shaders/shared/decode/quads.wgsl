#requires COLS
// A weight matrix is read in chunks of 32 values of one row, and a chunk in 4 pairs of quads: pair `p` is the values
// 4p..4p+3 and 16+4p..16+4p+3. Both halves of a pair lie in the same bytes of the 4 and 5 bit formats.
//
// Each format gives two functions of the buffer `weights`:
//   weights_chunk(row, chunk) -> Chunk
//   weights_pair(c: Chunk, p) -> array<vec4<f32>, 2>
//
// Blocks that are no whole number of words come without their scales, which follow behind all blocks. So every word of
// a block is one word of the buffer, and is read once.

override SCALES: u32;   // word at which the scales that lie apart begin

// Where a chunk lies, and what all of its pairs need.
struct Chunk {
    first: u32,         // word from which its block, or its part of the block, is read
    place: u32,         // which chunk of the block it is, if its reader needs that
    bits: vec2<u32>,    // words that all pairs take bits of
    scale: vec4<f32>,   // scales of the two halves in xy, offsets in zw
}

const LANES4 = vec4<u32>(0u, 1u, 2u, 3u);
const NO_BITS = vec2<u32>(0u);

// The block of a row's chunk, where a block has so many chunks.
fn block_of(row: u32, chunk: u32, chunks: u32) -> u32 {
    return row * (COLS / (32u * chunks)) + chunk / chunks;
}

// The bytes of a word, lowest first.
fn unsigned_bytes(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word) >> (LANES4 * 8u)) & vec4<u32>(0xffu));
}

fn signed_bytes(word: u32) -> vec4<f32> {
    return vec4<f32>(vec4<i32>(vec4<u32>(word) << (vec4<u32>(24u) - LANES4 * 8u)) >> vec4<u32>(24u));
}

// Sets bit 4 of the bytes of `nibbles` from the four bits of `bits` at `shift`.
fn fifth_bits(nibbles: u32, bits: u32, shift: u32) -> u32 {
    let b = bits >> shift;
    return nibbles | ((b & 1u) << 4u) | ((b & 2u) << 11u) | ((b & 4u) << 18u) | ((b & 8u) << 25u);
}
