// Q2_K: 256 values: 16 bytes of scale and minimum (low and high nibble), one per 16 values; 64 bytes, of which each 32 hold
// four chunks, lowest bits first; f16 d, dmin. q * d * scale - dmin * minimum
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 21u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let bytes = weights[block + ((chunk & 7u) >> 1u)] >> ((chunk & 1u) * 16u);
    let nibbles = vec4<f32>((vec4<u32>(bytes) >> vec4<u32>(0u, 8u, 4u, 12u)) & vec4<u32>(15u));
    return unpack2x16float(weights[block + 20u]).xxyy * nibbles;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + 4u + ((chunk & 4u) << 1u) + p;
    let shift = (chunk & 3u) * 2u;
    return array<vec4<f32>, 2>(
        unsigned_bytes((weights[first] >> shift) & 0x03030303u) * scale.x - scale.z,
        unsigned_bytes((weights[first + 4u] >> shift) & 0x03030303u) * scale.y - scale.w,
    );
}
