#requires decode/quads, weights, weights_values
#if integers
#requires weights_bytes
#end
// Blocks of 32 values in 16 bytes of two codes, values j and j + 16, which are indices in a table (`weights_values`).
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
