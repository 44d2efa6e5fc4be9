// IQ4_NL: f16 d; 16 bytes of two nibbles, values j and j + 16. table[q] * d
#include iq4_values

fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 32u) + chunk) * 18u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(weights_half(weights_block(row, chunk)), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let q = weights_word(weights_block(row, chunk) + 2u + 4u * p);
    return array<vec4<f32>, 2>(weights_values(q) * scale.x, weights_values(q >> 4u) * scale.x);
}
