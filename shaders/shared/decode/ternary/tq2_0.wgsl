#requires decode/quads, decode/words, weights
// TQ2_0: 256 values: 64 bytes, each 32 with four chunks, lowest bits first; f16 d apart. (q - 1) * d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    return Chunk(block * 16u, chunk & 7u, NO_BITS, vec4<f32>(weights_d(block)));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let first = c.first + (c.place & 4u) * 2u + p;
    let shift = (c.place & 3u) * 2u;
    return array<vec4<f32>, 2>(
        (unsigned_bytes((weights[first] >> shift) & 0x03030303u) - 1.0) * c.scale.x,
        (unsigned_bytes((weights[first + 4u] >> shift) & 0x03030303u) - 1.0) * c.scale.x,
    );
}

#if integers
const weights_CENTRE: u32 = 0x01010101u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let first = c.first + (c.place & 4u) * 2u + p;
    let shift = vec2<u32>((c.place & 3u) * 2u);
    return (vec2<u32>(weights[first], weights[first + 4u]) >> shift) & vec2<u32>(0x03030303u);
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -c.scale.xy);
}
#end
