// A weight matrix is read in chunks of 32 values of one row, and a chunk in 4 pairs of quads: pair `p` is the values
// 4p..4p+3 and 16+4p..16+4p+3. Both halves of a pair lie in the same bytes of the 4 and 5 bit formats.
//
// Each format gives two functions of the buffer `weights`:
//   weights_scale(row, chunk) -> vec4<f32>   scales of the two halves in xy, offsets in zw
//   weights_pair(row, chunk, p, scale) -> array<vec4<f32>, 2>

const LANES4 = vec4<u32>(0u, 1u, 2u, 3u);

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
