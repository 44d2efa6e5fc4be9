// Q4_K: 256 values: f16 d, dmin; 8 scales and minima of 6 bits; 128 bytes, of which each 32 hold the low nibbles of one
// chunk and the high nibbles of the next. q * d * scale - dmin * minimum
#include k_scales

fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 36u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    return (unpack2x16float(weights[block]) * weights_k_scale(block + 1u, chunk & 7u)).xxyy;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let first = weights_block(row, chunk) + 4u + ((chunk & 6u) << 2u) + p;
    let shift = (chunk & 1u) * 4u;
    return array<vec4<f32>, 2>(
        unsigned_bytes((weights[first] >> shift) & 0x0f0f0f0fu) * scale.x - scale.z,
        unsigned_bytes((weights[first + 4u] >> shift) & 0x0f0f0f0fu) * scale.x - scale.z,
    );
}
