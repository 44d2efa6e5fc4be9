// Q8_0: f16 d; 32 signed bytes. q * d
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 32u) + chunk) * 34u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(weights_half(weights_block(row, chunk)), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + 2u + 4u * p;
    return array<vec4<f32>, 2>(
        signed_bytes(weights_word(first)) * scale.x,
        signed_bytes(weights_word(first + 16u)) * scale.x,
    );
}
