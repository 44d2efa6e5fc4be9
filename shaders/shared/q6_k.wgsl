// Q6_K: 256 values: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed 8-bit scales (one per 16 values),
// f16 d. Chunk `s` has its low nibbles in the 32 bytes `2 (s / 4) + s % 2`, the upper ones where `s % 4 > 1`, and its
// high bits at `2 (s % 4)` of the 32 bytes `s / 4`. (q - 32) * d * scale
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 210u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let scales = signed_bytes(weights_short(block + 192u + (chunk & 7u) * 2u)).xy;
    return vec4<f32>(scales * weights_half(block + 208u), 0.0, 0.0);
}

fn weights_quad(low: u32, high: u32, s: u32) -> vec4<f32> {
    let nibbles = (weights_word(low) >> ((s & 2u) * 2u)) & 0x0f0f0f0fu;
    let pairs = (weights_word(high) >> ((s & 3u) * 2u)) & 0x03030303u;
    return unsigned_bytes(nibbles | (pairs << 4u)) - 32.0;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let s = chunk & 7u;
    let block = weights_block(row, chunk) + 4u * p;
    let low = block + (s >> 2u) * 64u + (s & 1u) * 32u;
    let high = block + 128u + (s >> 2u) * 32u;
    return array<vec4<f32>, 2>(
        weights_quad(low, high, s) * scale.x,
        weights_quad(low + 16u, high + 16u, s) * scale.y,
    );
}
