#requires decode/quads, weights
// IQ1_M: 256 values: per octet the low 8 bits of an index; per octet a nibble of its high bits and whether it is
// shifted by an eighth up or down; 3-bit scales, one per 16 values, in four words of 16 bits whose high nibbles form
// the f16 d. d * (2 scale + 1) * (ternary + shift)
#include decode/iq/grid_2

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = 1024u + block_of(row, chunk, 8u) * 14u;
    let words = vec2<u32>(weights[first + 12u], weights[first + 13u]);
    let nibbles = ((words >> vec2<u32>(12u)) & vec2<u32>(15u)) | ((words >> vec2<u32>(24u)) & vec2<u32>(0xf0u));
    let d = unpack2x16float(nibbles.x | (nibbles.y << 8u)).x;
    let s = chunk & 7u;
    let scales = select(words.x, words.y, s > 3u) >> (((s >> 1u) & 1u) * 16u + (s & 1u) * 6u);
    let scale = vec2<f32>((vec2<u32>(scales, scales >> 3u) & vec2<u32>(7u)) * 2u + 1u) * d;
    let bits = vec2<u32>(weights[first + s], weights[first + 8u + (s >> 1u)] >> ((s & 1u) * 16u));
    return Chunk(first, s, bits, vec4<f32>(scale, 0.0, 0.0));
}

fn weights_shifted(c: Chunk, octet: u32, half: u32) -> vec4<f32> {
    let high = c.bits.y >> (4u * octet);
    let entry = weights_entry(((c.bits.x >> (8u * octet)) & 0xffu) | ((high & 7u) << 8u));
    return vec4<f32>(weights_codes(entry, half)) - select(0.875, 1.125, (high & 8u) != 0u);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        weights_shifted(c, p >> 1u, p & 1u) * c.scale.x,
        weights_shifted(c, 2u + (p >> 1u), p & 1u) * c.scale.y,
    );
}
