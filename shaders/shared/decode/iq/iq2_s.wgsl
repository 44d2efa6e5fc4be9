#requires decode/quads, decode/words, weights
// IQ2_S: 256 values: per octet the low 8 bits of an index; per octet signs; per chunk the high bits of its four
// indices; 4-bit scales, one per 16 values; f16 d apart. d * (2 scale + 1) / 8 * magnitude
#include decode/iq/grid_2

// `place` is the byte of high bits here.
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = 512u + block * 20u;
    let s = chunk & 7u;
    let byte = (s & 3u) * 8u;
    let high = weights[first + 16u + (s >> 2u)] >> byte;
    let scales = weights[first + 18u + (s >> 2u)] >> byte;
    let odd = vec2<f32>((vec2<u32>(scales, scales >> 4u) & vec2<u32>(15u)) * 2u + 1u);
    let bits = vec2<u32>(weights[first + s], weights[first + 8u + s]);
    return Chunk(first, high, bits, vec4<f32>(odd * (weights_d(block) * 0.125), 0.0, 0.0));
}

fn weights_half_octet(c: Chunk, octet: u32, half: u32) -> vec4<f32> {
    let high = (c.place >> (2u * octet)) & 3u;
    let entry = weights_entry(((c.bits.x >> (8u * octet)) & 0xffu) | (high << 8u));
    return weights_octet(entry, c.bits.y >> (8u * octet), half);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        weights_half_octet(c, p >> 1u, p & 1u) * c.scale.x,
        weights_half_octet(c, 2u + (p >> 1u), p & 1u) * c.scale.y,
    );
}
