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
