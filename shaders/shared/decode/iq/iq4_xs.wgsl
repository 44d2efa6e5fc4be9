#requires decode/quads, weights
// IQ4_XS: 256 values: f16 d; the high bit pairs of 8 scales, then their low nibbles; per chunk 16 bytes of two nibbles.
// table[q] * d * (scale - 32)
#include decode/iq/iq4_values

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 8u) * 34u;
    let s = chunk & 7u;
    let head = weights[first];
    let scale = ((weights[first + 1u] >> (4u * s)) & 0x0fu) | (((head >> (16u + 2u * s)) & 3u) << 4u);
    return Chunk(first, s, NO_BITS, vec4<f32>(unpack2x16float(head).x * (f32(scale) - 32.0)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + 2u + 4u * c.place + p];
    return array<vec4<f32>, 2>(weights_values(q) * c.scale.x, weights_values(q >> 4u) * c.scale.x);
}

#if integers
const weights_CENTRE: u32 = 0u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + 2u + 4u * c.place + p];
    return vec2<u32>(weights_bytes(q), weights_bytes(q >> 4u));
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, 0.0, 0.0);
}
#end
