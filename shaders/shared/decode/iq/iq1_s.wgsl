#requires decode/quads, decode/words, weights
// IQ1_S: 256 values: per octet the low 8 bits of an index; per chunk the high bits of its four indices, a scale of 3
// bits, and whether all are shifted by an eighth up or down; f16 d apart. d * (2 scale + 1) * (ternary + shift)
#include decode/iq/grid_2

// The scales, and the shift times the scale.
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = 1024u + block * 12u;
    let s = chunk & 7u;
    let high = (weights[first + 8u + (s >> 1u)] >> ((s & 1u) * 16u)) & 0xffffu;
    let scale = weights_d(block) * f32(2u * ((high >> 12u) & 7u) + 1u);
    let shift = select(0.125, -0.125, high > 0x7fffu) * scale;
    return Chunk(first, s, vec2<u32>(weights[first + s], high), vec4<f32>(scale, scale, shift, shift));
}

fn weights_ternary(c: Chunk, octet: u32, half: u32) -> vec4<f32> {
    let high = (c.bits.y >> (3u * octet)) & 7u;
    let entry = weights_entry(((c.bits.x >> (8u * octet)) & 0xffu) | (high << 8u));
    return vec4<f32>(weights_codes(entry, half)) - 1.0;
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        weights_ternary(c, p >> 1u, p & 1u) * c.scale.x + c.scale.z,
        weights_ternary(c, 2u + (p >> 1u), p & 1u) * c.scale.x + c.scale.z,
    );
}
