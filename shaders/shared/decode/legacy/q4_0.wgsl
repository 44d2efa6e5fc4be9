#requires decode/quads, decode/words, weights
// Q4_0: 16 bytes of two nibbles, values j and j + 16; f16 d apart. (q - 8) * d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    return Chunk(block * 4u, 0u, NO_BITS, vec4<f32>(weights_d(block)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + p];
    return array<vec4<f32>, 2>(
        (unsigned_bytes(q & 0x0f0f0f0fu) - 8.0) * c.scale.x,
        (unsigned_bytes((q >> 4u) & 0x0f0f0f0fu) - 8.0) * c.scale.x,
    );
}

#if integers
const weights_CENTRE: u32 = 0x08080808u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + p];
    return vec2<u32>(q, q >> 4u) & vec2<u32>(0x0f0f0f0fu);
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -8.0 * c.scale.xy);
}
#end
