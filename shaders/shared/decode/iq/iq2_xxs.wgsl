#requires decode/quads, decode/words, weights
// IQ2_XXS: 256 values: per chunk four indices of 8 bits, four sign sets of 7 bits, a scale of 4 bits; f16 d apart.
// d * (2 scale + 1) / 8 * magnitude
#include decode/iq/grid_2

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = 128u + block * 16u + 2u * (chunk & 7u);
    let bits = vec2<u32>(weights[first], weights[first + 1u]);
    return Chunk(first, 0u, bits, vec4<f32>(weights_d(block) * 0.125 * f32(2u * (bits.y >> 28u) + 1u)));
}

fn weights_half_octet(c: Chunk, octet: u32, half: u32) -> vec4<f32> {
    let entry = weights_entry((c.bits.x >> (8u * octet)) & 0xffu);
    return weights_octet(entry, weights_sign_set(c.bits.y >> (7u * octet)), half);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        weights_half_octet(c, p >> 1u, p & 1u) * c.scale.x,
        weights_half_octet(c, 2u + (p >> 1u), p & 1u) * c.scale.x,
    );
}
