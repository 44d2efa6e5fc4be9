// Q3_K: 256 values: 32 bytes of high bits, bit `s` of byte `j` for value `j` of chunk `s`; 64 bytes of low bits, laid out
// as in Q2_K; 12 bytes of 6-bit scales, one per 16 values; f16 d. (q - 4) * d * (scale - 32)
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 110u;
}

// Scale `g` has its low nibble in byte `g % 8`, the upper one where `g > 7`, and its high bits at `2 (g / 4)` of byte
// `8 + g % 4`.
fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let s = chunk & 7u;
    let low = weights_short(block + 96u + 2u * (s & 3u)) >> (s & 4u);
    let high = weights_short(block + 104u + 2u * (s & 1u)) >> (s & 6u);
    let scales = (vec2<u32>(low, low >> 8u) & vec2<u32>(15u)) | ((vec2<u32>(high, high >> 8u) & vec2<u32>(3u)) << vec2<u32>(4u));
    return vec4<f32>((vec2<f32>(scales) - 32.0) * weights_half(block + 108u), 0.0, 0.0);
}

fn weights_quad(high: u32, low: u32, s: u32) -> vec4<f32> {
    let pairs = (weights_word(low) >> ((s & 3u) * 2u)) & 0x03030303u;
    let third = (weights_word(high) >> s) & 0x01010101u;
    return unsigned_bytes(pairs | (third << 2u)) - 4.0;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let s = chunk & 7u;
    let high = weights_block(row, chunk) + 4u * p;
    let low = high + 32u + (s >> 2u) * 32u;
    return array<vec4<f32>, 2>(
        weights_quad(high, low, s) * scale.x,
        weights_quad(high + 16u, low + 16u, s) * scale.y,
    );
}
