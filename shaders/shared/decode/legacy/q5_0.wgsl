#requires decode/quads, decode/words, weights
// Q5_0: 32 fifth bits; 16 bytes of two nibbles, values j and j + 16; f16 d apart. (q - 16) * d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    return Chunk(block * 5u, 0u, vec2<u32>(weights[block * 5u], 0u), vec4<f32>(weights_d(block)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + 1u + p];
    return array<vec4<f32>, 2>(
        (unsigned_bytes(fifth_bits(q & 0x0f0f0f0fu, c.bits.x, 4u * p)) - 16.0) * c.scale.x,
        (unsigned_bytes(fifth_bits((q >> 4u) & 0x0f0f0f0fu, c.bits.x, 4u * p + 16u)) - 16.0) * c.scale.x,
    );
}

#if integers
const weights_CENTRE: u32 = 0x10101010u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + 1u + p];
    return vec2<u32>(
        fifth_bits(q & 0x0f0f0f0fu, c.bits.x, 4u * p),
        fifth_bits((q >> 4u) & 0x0f0f0f0fu, c.bits.x, 4u * p + 16u),
    );
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -16.0 * c.scale.xy);
}
#end
