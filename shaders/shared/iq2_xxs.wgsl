// IQ2_XXS: 256 values: f16 d; per chunk four indices of 8 bits, four sign sets of 7 bits, a scale of 4 bits.
// d * (2 scale + 1) / 8 * magnitude
#include grid_2

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 512u + (row * (COLS / 256u) + chunk / 8u) * 66u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let scale = weights_word(block + 6u + 8u * (chunk & 7u)) >> 28u;
    return vec4<f32>(weights_half(block) * 0.125 * f32(2u * scale + 1u), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + 2u + 8u * (chunk & 7u);
    let octet = p >> 1u;
    let indices = weights_word(first) >> (8u * octet);
    let signs = weights_word(first + 4u) >> (7u * octet);
    return array<vec4<f32>, 2>(
        weights_octet(weights_entry(indices & 0xffu), weights_sign_set(signs), p & 1u) * scale.x,
        weights_octet(weights_entry((indices >> 16u) & 0xffu), weights_sign_set(signs >> 14u), p & 1u) * scale.x,
    );
}
