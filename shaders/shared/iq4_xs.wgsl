// IQ4_XS: 256 values: f16 d; the high bit pairs of 8 scales, then their low nibbles; per chunk 16 bytes of two nibbles.
// table[q] * d * (scale - 32)
#include iq4_values

fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 34u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let s = chunk & 7u;
    let first = weights[block];
    let scale = ((weights[block + 1u] >> (4u * s)) & 0x0fu) | (((first >> (16u + 2u * s)) & 3u) << 4u);
    return vec4<f32>(unpack2x16float(first).x * (f32(scale) - 32.0), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let q = weights[weights_block(row, chunk) + 2u + 4u * (chunk & 7u) + p];
    return array<vec4<f32>, 2>(weights_values(q) * scale.x, weights_values(q >> 4u) * scale.x);
}
