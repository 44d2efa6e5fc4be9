// Q5_K: as Q4_K, with 32 bytes of fifth bits before the nibbles: bit `s` of byte `j` belongs to value `j` of chunk `s`.
#include k_scales

fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 44u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    return (unpack2x16float(weights[block]) * weights_k_scale(block + 1u, chunk & 7u)).xxyy;
}

fn weights_quad(high: u32, low: u32, chunk: u32) -> vec4<f32> {
    let nibbles = (weights[low] >> ((chunk & 1u) * 4u)) & 0x0f0f0f0fu;
    return unsigned_bytes(nibbles | (((weights[high] >> (chunk & 7u)) & 0x01010101u) << 4u));
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let high = weights_block(row, chunk) + 4u + p;
    let low = high + 8u + ((chunk & 6u) << 2u);
    return array<vec4<f32>, 2>(
        weights_quad(high, low, chunk) * scale.x - scale.z,
        weights_quad(high + 4u, low + 4u, chunk) * scale.x - scale.z,
    );
}
