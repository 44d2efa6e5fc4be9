// IQ1_S: 256 values: f16 d; per octet the low 8 bits of an index; per chunk the high bits of its four indices, a scale of 3
// bits, and whether all are shifted by an eighth up or down. d * (2 scale + 1) * (ternary + shift)
#include grid_2

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 4096u + (row * (COLS / 256u) + chunk / 8u) * 50u;
}

fn weights_high(block: u32, chunk: u32) -> u32 {
    return weights_short(block + 34u + 2u * (chunk & 7u)) & 0xffffu;
}

// The scales and the shift times the scale.
fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let high = weights_high(block, chunk);
    let scale = weights_half(block) * f32(2u * ((high >> 12u) & 7u) + 1u);
    return vec4<f32>(scale, 0.0, select(0.125, -0.125, high > 0x7fffu) * scale, 0.0);
}

fn weights_ternary(block: u32, s: u32, octet: u32, half: u32) -> vec4<f32> {
    let high = (weights_high(block, s) >> (3u * octet)) & 7u;
    let entry = weights_entry(weights_byte(block + 2u + 4u * s + octet) | (high << 8u));
    return vec4<f32>(weights_codes(entry, half)) - 1.0;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    return array<vec4<f32>, 2>(
        weights_ternary(block, chunk & 7u, p >> 1u, p & 1u) * scale.x + scale.z,
        weights_ternary(block, chunk & 7u, 2u + (p >> 1u), p & 1u) * scale.x + scale.z,
    );
}
