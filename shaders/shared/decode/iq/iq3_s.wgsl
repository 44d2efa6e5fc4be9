#requires decode/quads, decode/words, weights
// IQ3_S: 256 values: per quartet the low 8 bits of an index; per chunk the high bits of its eight indices; per octet
// signs; 4-bit scales, one per chunk; f16 d apart. d * (2 scale + 1) * magnitude
#include decode/iq/grid_3

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = 256u + block * 27u;
    let s = chunk & 7u;
    let scale = (weights[first + 26u] >> (4u * s)) & 15u;
    let bits = vec2<u32>(weights[first + 18u + s], weights[first + 16u + (s >> 2u)] >> ((s & 3u) * 8u));
    return Chunk(first + 2u * s, s, bits, vec4<f32>(weights_d(block) * f32(2u * scale + 1u)));
}

// The magnitudes 1, 3, ... 15.
fn weights_quartet(c: Chunk, q: u32) -> vec4<f32> {
    let low = (weights[c.first + (q >> 2u)] >> (8u * (q & 3u))) & 0xffu;
    let codes = weights_codes(weights_entry(low | (((c.bits.y >> q) & 1u) << 8u)));
    return weights_signed(vec4<f32>(codes * 2u + 1u), c.bits.x >> (4u * q));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(weights_quartet(c, p) * c.scale.x, weights_quartet(c, p + 4u) * c.scale.x);
}
