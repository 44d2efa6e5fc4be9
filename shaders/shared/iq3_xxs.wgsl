// IQ3_XXS: 256 values: f16 d; per quartet an index of 8 bits; per chunk four sign sets of 7 bits and a scale of 4 bits.
// d * (2 scale + 1) / 4 * magnitude
#include grid_3

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 512u + (row * (COLS / 256u) + chunk / 8u) * 98u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let scale = weights_word(block + 66u + 4u * (chunk & 7u)) >> 28u;
    return vec4<f32>(weights_half(block) * 0.25 * f32(2u * scale + 1u), 0.0, 0.0, 0.0);
}

// The magnitudes 4, 12, ... 52 and 62.
fn weights_quartet(index: u32, signs: u32) -> vec4<f32> {
    let codes = weights_codes(weights_entry(index));
    let levels = 4u + codes * 8u + select(vec4<u32>(0u), vec4<u32>(2u), codes == vec4<u32>(7u));
    return weights_signed(vec4<f32>(levels), signs);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    let at = block + 2u + 8u * (chunk & 7u) + p;
    let signs = weights_word(block + 66u + 4u * (chunk & 7u)) >> (7u * (p >> 1u));
    let shift = 4u * (p & 1u);
    return array<vec4<f32>, 2>(
        weights_quartet(weights_byte(at), weights_sign_set(signs) >> shift) * scale.x,
        weights_quartet(weights_byte(at + 4u), weights_sign_set(signs >> 14u) >> shift) * scale.x,
    );
}
