// MXFP4: 32 values: E8M0 scale; 16 bytes of two E2M1 codes, values j and j + 16. Blocks of 17 bytes lie at any byte.
#include fp4_values

fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 32u) + chunk) * 17u;
}

// Half the scale, 2^(e - 128); the two scales below the least normal number count as zero.
fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    let e = weights_byte(weights_block(row, chunk));
    return vec4<f32>(select(bitcast<f32>((max(e, 2u) - 1u) << 23u), 0.0, e < 2u), 0.0, 0.0, 0.0);
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let at = weights_block(row, chunk) + 1u + 4u * p;
    let shift = (at & 3u) * 8u;
    var q = weights[at >> 2u] >> shift;
    if (shift != 0u) {
        q |= weights[(at >> 2u) + 1u] << (32u - shift);
    }
    return array<vec4<f32>, 2>(weights_values(q) * scale.x, weights_values(q >> 4u) * scale.x);
}
