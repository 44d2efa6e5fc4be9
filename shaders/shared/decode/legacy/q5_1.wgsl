#requires decode/quads, weights
// Q5_1: f16 d, m; 32 fifth bits; 16 bytes of two nibbles, values j and j + 16. q * d + m
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 1u) * 6u;
    return Chunk(first, 0u, vec2<u32>(weights[first + 1u], 0u), unpack2x16float(weights[first]).xxyy);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + 2u + p];
    return array<vec4<f32>, 2>(
        unsigned_bytes(fifth_bits(q & 0x0f0f0f0fu, c.bits.x, 4u * p)) * c.scale.x + c.scale.z,
        unsigned_bytes(fifth_bits((q >> 4u) & 0x0f0f0f0fu, c.bits.x, 4u * p + 16u)) * c.scale.x + c.scale.z,
    );
}

#if integers
const weights_CENTRE: u32 = 0x10101010u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + 2u + p];
    return vec2<u32>(
        fifth_bits(q & 0x0f0f0f0fu, c.bits.x, 4u * p),
        fifth_bits((q >> 4u) & 0x0f0f0f0fu, c.bits.x, 4u * p + 16u),
    );
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return c.scale;
}
#end
