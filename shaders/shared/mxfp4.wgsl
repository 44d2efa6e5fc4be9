// MXFP4: 16 bytes of two E2M1 codes, values j and j + 16; E8M0 scale apart.
#include fp4_values

// The scale is half of what the byte says, 2^(e - 128); the two scales below the least normal number count as zero.
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    let e = weights_byte(SCALES * 4u + block);
    let scale = select(bitcast<f32>((max(e, 2u) - 1u) << 23u), 0.0, e < 2u);
    return Chunk(block * 4u, 0u, NO_BITS, vec4<f32>(scale));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let q = weights[c.first + p];
    return array<vec4<f32>, 2>(weights_values(q) * c.scale.x, weights_values(q >> 4u) * c.scale.x);
}

#if integers
const weights_CENTRE: u32 = 0u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let q = weights[c.first + p];
    return vec2<u32>(weights_bytes(q), weights_bytes(q >> 4u));
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, 0.0, 0.0);
}
#end
