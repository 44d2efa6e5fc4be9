#requires decode/quads, weights
// Q4_1: f16 d, m; 16 bytes of two nibbles, values j and j + 16. q * d + m
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 1u) * 5u;
    return Chunk(first, 0u, NO_BITS, unpack2x16float(weights[first]).xxyy);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + 1u + p];
    return array<vec4<f32>, 2>(
        unsigned_bytes(q & 0x0f0f0f0fu) * c.scale.x + c.scale.z,
        unsigned_bytes((q >> 4u) & 0x0f0f0f0fu) * c.scale.x + c.scale.z,
    );
}

#if integers
const weights_CENTRE: u32 = 0x08080808u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + 1u + p];
    return vec2<u32>(q, q >> 4u) & vec2<u32>(0x0f0f0f0fu);
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return c.scale;
}
#end
