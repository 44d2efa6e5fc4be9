// Q4_1: f16 d, m; 16 bytes of two nibbles, values j and j + 16. q * d + m
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 32u) + chunk) * 5u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return unpack2x16float(weights[weights_block(row, chunk)]).xxyy;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let q = weights[weights_block(row, chunk) + 1u + p];
    return array<vec4<f32>, 2>(
        unsigned_bytes(q & 0x0f0f0f0fu) * scale.x + scale.z,
        unsigned_bytes((q >> 4u) & 0x0f0f0f0fu) * scale.x + scale.z,
    );
}
