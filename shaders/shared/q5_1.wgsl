// Q5_1: f16 d, m; 32 fifth bits; 16 bytes of two nibbles, values j and j + 16. q * d + m
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 32u) + chunk) * 6u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return unpack2x16float(weights[weights_block(row, chunk)]).xxyy;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    let high = weights[block + 1u];
    let q = weights[block + 2u + p];
    return array<vec4<f32>, 2>(
        unsigned_bytes(fifth_bits(q & 0x0f0f0f0fu, high, 4u * p)) * scale.x + scale.z,
        unsigned_bytes(fifth_bits((q >> 4u) & 0x0f0f0f0fu, high, 4u * p + 16u)) * scale.x + scale.z,
    );
}
