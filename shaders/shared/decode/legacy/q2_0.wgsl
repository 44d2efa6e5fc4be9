#requires decode/quads, decode/words, weights
// Q2_0: 64 values: two bits each, in order; f16 d apart. (q - 1) * d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 2u);
    let first = block * 4u + (chunk & 1u) * 2u;
    return Chunk(first, 0u, vec2<u32>(weights[first], weights[first + 1u]), vec4<f32>(weights_d(block)));
}

fn weights_quad(bits: u32, p: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(bits >> (8u * p)) >> (LANES4 * 2u)) & vec4<u32>(3u)) - 1.0;
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(weights_quad(c.bits.x, p) * c.scale.x, weights_quad(c.bits.y, p) * c.scale.x);
}
