// IQ4_NL: 16 bytes of two nibbles, values j and j + 16; f16 d apart. table[q] * d
#include iq4_values

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    return Chunk(block * 4u, 0u, NO_BITS, vec4<f32>(weights_d(block)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + p];
    return array<vec4<f32>, 2>(weights_values(q) * c.scale.x, weights_values(q >> 4u) * c.scale.x);
}

#if integers
const weights_CENTRE: u32 = 0u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + p];
    return vec2<u32>(weights_bytes(q), weights_bytes(q >> 4u));
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, 0.0, 0.0);
}
#end
