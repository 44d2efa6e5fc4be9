// IQ2_S: 256 values: f16 d; per octet the low 8 bits of an index; per octet signs; per chunk the high bits of its four
// indices; 4-bit scales, one per 16 values. d * (2 scale + 1) / 8 * magnitude
#include grid_2

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 2048u + (row * (COLS / 256u) + chunk / 8u) * 82u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let scales = weights_byte(block + 74u + (chunk & 7u));
    let odd = vec2<f32>(vec2<u32>(scales & 15u, scales >> 4u) * 2u + 1u);
    return vec4<f32>(odd * (weights_half(block) * 0.125), 0.0, 0.0);
}

fn weights_half_octet(block: u32, s: u32, octet: u32, half: u32) -> vec4<f32> {
    let at = block + 2u + 4u * s + octet;
    let high = (weights_byte(block + 66u + s) >> (2u * octet)) & 3u;
    return weights_octet(weights_entry(weights_byte(at) | (high << 8u)), weights_byte(at + 32u), half);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    return array<vec4<f32>, 2>(
        weights_half_octet(block, chunk & 7u, p >> 1u, p & 1u) * scale.x,
        weights_half_octet(block, chunk & 7u, 2u + (p >> 1u), p & 1u) * scale.y,
    );
}
