#requires decode/quads, decode/words, weights
// IQ2_XS: 256 values: per octet an index of 9 bits and a sign set of 7; 4-bit scales, one per 16 values; f16 d apart.
// d * (2 scale + 1) / 8 * magnitude
#include decode/iq/grid_2

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = 256u + block * 18u;
    let s = chunk & 7u;
    let scales = weights[first + 16u + (s >> 2u)] >> ((s & 3u) * 8u);
    let odd = vec2<f32>((vec2<u32>(scales, scales >> 4u) & vec2<u32>(15u)) * 2u + 1u);
    let bits = vec2<u32>(weights[first + 2u * s], weights[first + 2u * s + 1u]);
    return Chunk(first, s, bits, vec4<f32>(odd * (weights_d(block) * 0.125), 0.0, 0.0));
}

fn weights_half_octet(word: u32, p: u32) -> vec4<f32> {
    let octet = (word >> (16u * (p >> 1u))) & 0xffffu;
    return weights_octet(weights_entry(octet & 511u), weights_sign_set(octet >> 9u), p & 1u);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        weights_half_octet(c.bits.x, p) * c.scale.x,
        weights_half_octet(c.bits.y, p) * c.scale.y,
    );
}
