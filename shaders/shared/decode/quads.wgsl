#requires COLS
// A weight matrix is read in chunks of 32 values of one row, and a chunk in 4 pairs of quads: pair `p` is the values
// 4p..4p+3 and 16+4p..16+4p+3. In the 4 and 5 bit formats both quads of a pair are in the same bytes.
//
// Each format defines two functions of the buffer `weights`:
//   weights_chunk(row, chunk) -> Chunk
//   weights_pair(c: Chunk, p) -> array<vec4<f32>, 2>
//
// If blocks are not a whole number of words, their scales are stored apart, after all blocks. So every word of a block
// is one word of the buffer, and is read once.

override SCALES: u32;   // first word of scales that are stored apart

// The place of a chunk, and the data that its pairs share.
struct Chunk {
    first: u32,         // first word of its block, or of its part of the block
    place: u32,         // index of the chunk in the block, if the format needs it
    bits: vec2<u32>,    // words with bits of all pairs
    scale: vec4<f32>,   // scales of the two halves in xy, offsets in zw
}

const LANES4 = vec4<u32>(0u, 1u, 2u, 3u);
const NO_BITS = vec2<u32>(0u);

// The block of a chunk of a row, if a block has `chunks` chunks.
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

// Sets bit 4 of the four bytes of `nibbles` from four bits of `bits` at `shift`.
fn fifth_bits(nibbles: u32, bits: u32, shift: u32) -> u32 {
    let b = bits >> shift;
    return nibbles | ((b & 1u) << 4u) | ((b & 2u) << 11u) | ((b & 4u) << 18u) | ((b & 8u) << 25u);
}
