#requires decode/quads, decode/words, weights
// IQ3_XXS: 256 values: per quartet an index of 8 bits; per chunk four sign sets of 7 bits and a scale of 4 bits; f16 d
// apart. d * (2 scale + 1) / 4 * magnitude
#include decode/iq/grid_3

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = 128u + block * 24u;
    let s = chunk & 7u;
    let signs = weights[first + 16u + s];
    let scale = weights_d(block) * 0.25 * f32(2u * (signs >> 28u) + 1u);
    return Chunk(first + 2u * s, s, vec2<u32>(signs, 0u), vec4<f32>(scale));
}

// The magnitudes 4, 12, ... 52 and 62.
fn weights_quartet(c: Chunk, q: u32) -> vec4<f32> {
    let codes = weights_codes(weights_entry((weights[c.first + (q >> 2u)] >> (8u * (q & 3u))) & 0xffu));
    let levels = 4u + codes * 8u + select(vec4<u32>(0u), vec4<u32>(2u), codes == vec4<u32>(7u));
    let signs = weights_sign_set(c.bits.x >> (7u * (q >> 1u)));
    return weights_signed(vec4<f32>(levels), signs >> (4u * (q & 1u)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(weights_quartet(c, p) * c.scale.x, weights_quartet(c, p + 4u) * c.scale.x);
}
