#requires decode/quads, decode/words, weights
// Q1_0: 128 values: a bit each; f16 d apart. d if it is set, else -d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 4u);
    let bits = weights[block * 4u + (chunk & 3u)];
    return Chunk(block * 4u, chunk & 3u, vec2<u32>(bits, bits >> 16u), vec4<f32>(weights_d(block)));
}

fn weights_quad(bits: u32, p: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(bits >> (4u * p)) >> LANES4) & vec4<u32>(1u)) * 2.0 - 1.0;
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(weights_quad(c.bits.x, p) * c.scale.x, weights_quad(c.bits.y, p) * c.scale.x);
}
