// IQ2_XS: 256 values: f16 d; per octet an index of 9 bits and a sign set of 7; 4-bit scales, one per 16 values.
// d * (2 scale + 1) / 8 * magnitude
#include grid_2

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 1024u + (row * (COLS / 256u) + chunk / 8u) * 74u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let scales = weights_byte(block + 66u + (chunk & 7u));
    let odd = vec2<f32>(vec2<u32>(scales & 15u, scales >> 4u) * 2u + 1u);
    return vec4<f32>(odd * (weights_half(block) * 0.125), 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + 2u + 8u * (chunk & 7u) + 2u * (p >> 1u);
    let low = weights_short(first) & 0xffffu;
    let high = weights_short(first + 4u) & 0xffffu;
    return array<vec4<f32>, 2>(
        weights_octet(weights_entry(low & 511u), weights_sign_set(low >> 9u), p & 1u) * scale.x,
        weights_octet(weights_entry(high & 511u), weights_sign_set(high >> 9u), p & 1u) * scale.y,
    );
}
