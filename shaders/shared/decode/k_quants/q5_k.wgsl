#requires decode/quads, weights
// Q5_K: as Q4_K, with 32 bytes of fifth bits before the nibbles: bit `s` of byte `j` belongs to value `j` of chunk `s`.
#include decode/k_quants/k_scales

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 8u) * 44u;
    let s = chunk & 7u;
    return Chunk(first, s, NO_BITS, (unpack2x16float(weights[first]) * weights_k_scale(first + 1u, s)).xxyy);
}

fn weights_quad(high: u32, low: u32, s: u32) -> vec4<f32> {
    let nibbles = (weights[low] >> ((s & 1u) * 4u)) & 0x0f0f0f0fu;
    return unsigned_bytes(nibbles | (((weights[high] >> s) & 0x01010101u) << 4u));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let high = c.first + 4u + p;
    let low = high + 8u + ((c.place & 6u) << 2u);
    return array<vec4<f32>, 2>(
        weights_quad(high, low, c.place) * c.scale.x - c.scale.z,
        weights_quad(high + 4u, low + 4u, c.place) * c.scale.x - c.scale.z,
    );
}

#if integers
const weights_CENTRE: u32 = 0x10101010u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let high = c.first + 4u + p;
    let low = high + 8u + ((c.place & 6u) << 2u);
    let nibbles = vec2<u32>(weights[low], weights[low + 4u]) >> vec2<u32>((c.place & 1u) * 4u);
    let fifth = vec2<u32>(weights[high], weights[high + 4u]) >> vec2<u32>(c.place);
    return (nibbles & vec2<u32>(0x0f0f0f0fu)) | ((fifth & vec2<u32>(0x01010101u)) << vec2<u32>(4u));
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -c.scale.zw);
}
#end
