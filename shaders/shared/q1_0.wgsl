// Q1_0: 128 values: f16 d; a bit each. d where it is set, else -d
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 128u) + chunk / 4u) * 18u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(weights_half(weights_block(row, chunk)), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let bits = vec4<u32>(weights_word(weights_block(row, chunk) + 2u + 4u * (chunk & 3u)) >> (4u * p)) >> LANES4;
    return array<vec4<f32>, 2>(
        (vec4<f32>(bits & vec4<u32>(1u)) * 2.0 - 1.0) * scale.x,
        (vec4<f32>((bits >> vec4<u32>(16u)) & vec4<u32>(1u)) * 2.0 - 1.0) * scale.x,
    );
}
