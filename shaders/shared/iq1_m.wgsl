// IQ1_M: 256 values: per octet the low 8 bits of an index; per octet a nibble of its high bits and whether it is shifted by
// an eighth up or down; 3-bit scales, one per 16 values, in four words of 16 bits whose high nibbles form the f16 d.
// d * (2 scale + 1) * (ternary + shift)
#include grid_2

fn weights_block(row: u32, chunk: u32) -> u32 {
    return 1024u + (row * (COLS / 256u) + chunk / 8u) * 14u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let block = weights_block(row, chunk);
    let words = vec2<u32>(weights[block + 12u], weights[block + 13u]);
    let nibbles = ((words >> vec2<u32>(12u)) & vec2<u32>(15u)) | ((words >> vec2<u32>(24u)) & vec2<u32>(0xf0u));
    let d = unpack2x16float(nibbles.x | (nibbles.y << 8u)).x;
    let s = chunk & 7u;
    let scales = select(words.x, words.y, s > 3u) >> (((s >> 1u) & 1u) * 16u + (s & 1u) * 6u);
    return vec4<f32>(vec2<f32>((vec2<u32>(scales, scales >> 3u) & vec2<u32>(7u)) * 2u + 1u) * d, 0.0, 0.0);
}

fn weights_shifted(block: u32, s: u32, octet: u32, half: u32) -> vec4<f32> {
    let at = 4u * s + octet;
    let high = weights_byte(4u * block + 32u + (at >> 1u)) >> (4u * (at & 1u));
    let entry = weights_entry(weights_byte(4u * block + at) | ((high & 7u) << 8u));
    return vec4<f32>(weights_codes(entry, half)) - select(0.875, 1.125, (high & 8u) != 0u);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    return array<vec4<f32>, 2>(
        weights_shifted(block, chunk & 7u, p >> 1u, p & 1u) * scale.x,
        weights_shifted(block, chunk & 7u, 2u + (p >> 1u), p & 1u) * scale.y,
    );
}
