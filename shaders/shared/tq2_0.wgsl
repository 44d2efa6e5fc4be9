// TQ2_0: 256 values: 64 bytes, of which each 32 hold four chunks, lowest bits first; f16 d. (q - 1) * d
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 66u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(weights_half(weights_block(row, chunk) + 64u), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + (chunk & 4u) * 8u + 4u * p;
    let shift = (chunk & 3u) * 2u;
    return array<vec4<f32>, 2>(
        (unsigned_bytes((weights_word(first) >> shift) & 0x03030303u) - 1.0) * scale.x,
        (unsigned_bytes((weights_word(first + 16u) >> shift) & 0x03030303u) - 1.0) * scale.x,
    );
}
