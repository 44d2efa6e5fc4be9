// Q2_0: 64 values: f16 d; two bits each, in order. (q - 1) * d
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 64u) + chunk / 2u) * 18u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(weights_half(weights_block(row, chunk)), 0.0, 0.0, 0.0);
}

fn weights_quad(word: u32, p: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word >> (8u * p)) >> (LANES4 * 2u)) & vec4<u32>(3u)) - 1.0;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + 2u + (chunk & 1u) * 8u;
    return array<vec4<f32>, 2>(
        weights_quad(weights_word(first), p) * scale.x,
        weights_quad(weights_word(first + 4u), p) * scale.x,
    );
}
