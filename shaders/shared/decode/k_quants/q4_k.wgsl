#requires decode/quads, weights
// Q4_K: 256 values: f16 d, dmin; 8 scales and minima of 6 bits; 128 bytes, each 32 with the values of one chunk in the
// low nibbles and those of the next in the high nibbles. q * d * scale - dmin * minimum
#include decode/k_quants/k_scales

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 8u) * 36u;
    let s = chunk & 7u;
    return Chunk(first, s, NO_BITS, (unpack2x16float(weights[first]) * weights_k_scale(first + 1u, s)).xxyy);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let first = c.first + 4u + ((c.place & 6u) << 2u) + p;
    let shift = (c.place & 1u) * 4u;
    return array<vec4<f32>, 2>(
        unsigned_bytes((weights[first] >> shift) & 0x0f0f0f0fu) * c.scale.x - c.scale.z,
        unsigned_bytes((weights[first + 4u] >> shift) & 0x0f0f0f0fu) * c.scale.x - c.scale.z,
    );
}

#if integers
const weights_CENTRE: u32 = 0x08080808u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let first = c.first + 4u + ((c.place & 6u) << 2u) + p;
    let shift = vec2<u32>((c.place & 1u) * 4u);
    return (vec2<u32>(weights[first], weights[first + 4u]) >> shift) & vec2<u32>(0x0f0f0f0fu);
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -c.scale.zw);
}
#end
