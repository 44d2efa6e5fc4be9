#requires decode/quads, decode/words, weights
// Q8_0: 32 signed bytes; f16 d apart. q * d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    return Chunk(block * 8u, 0u, NO_BITS, vec4<f32>(weights_d(block)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        signed_bytes(weights[c.first + p]) * c.scale.x,
        signed_bytes(weights[c.first + p + 4u]) * c.scale.x,
    );
}

#if integers
const weights_CENTRE: u32 = 0u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    return vec2<u32>(weights[c.first + p], weights[c.first + p + 4u]);
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, 0.0, 0.0);
}
#end
