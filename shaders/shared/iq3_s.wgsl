// IQ3_S: 256 values: f16 d; per quartet the low 8 bits of an index; per chunk the high bits of its eight indices; per octet
// signs; 4-bit scales, one per chunk. d * (2 scale + 1) * magnitude
#include grid_3

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 1024u + (row * (COLS / 256u) + chunk / 8u) * 110u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let s = chunk & 7u;
    let scale = (weights_byte(block + 106u + (s >> 1u)) >> (4u * (s & 1u))) & 15u;
    return vec4<f32>(weights_half(block) * f32(2u * scale + 1u), 0.0, 0.0, 0.0);
}

// The magnitudes 1, 3, ... 15.
fn weights_quartet(block: u32, s: u32, q: u32) -> vec4<f32> {
    let high = (weights_byte(block + 66u + s) >> q) & 1u;
    let codes = weights_codes(weights_entry(weights_byte(block + 2u + 8u * s + q) | (high << 8u)));
    let signs = weights_byte(block + 74u + 4u * s + (q >> 1u)) >> (4u * (q & 1u));
    return weights_signed(vec4<f32>(codes * 2u + 1u), signs);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    return array<vec4<f32>, 2>(
        weights_quartet(block, chunk & 7u, p) * scale.x,
        weights_quartet(block, chunk & 7u, p + 4u) * scale.x,
    );
}
