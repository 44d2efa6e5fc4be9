#requires decode/quads, weights
// NVFP4: 64 values: 4 unsigned E4M3 scales; per 16 values 8 bytes of two E2M1 codes, values j and j + 8.
#include decode/fp4/fp4_values

// Half of an E4M3 number; code 127 (NaN) becomes zero.
fn weights_e4m3(code: u32) -> f32 {
    let exponent = (code >> 3u) & 15u;
    let mantissa = code & 7u;
    if (exponent == 0u || code == 127u) {
        return select(f32(mantissa) / 1024.0, 0.0, code == 127u);
    }
    return bitcast<f32>(((exponent + 119u) << 23u) | (mantissa << 20u));
}

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 2u) * 9u;
    let scales = weights[first] >> ((chunk & 1u) * 16u);
    let scale = vec2<f32>(weights_e4m3(scales & 0xffu), weights_e4m3((scales >> 8u) & 0xffu));
    return Chunk(first, chunk & 1u, NO_BITS, vec4<f32>(scale, 0.0, 0.0));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let first = c.first + 1u + c.place * 4u + (p & 1u);
    let shift = (p >> 1u) * 4u;
    return array<vec4<f32>, 2>(
        weights_values(weights[first] >> shift) * c.scale.x,
        weights_values(weights[first + 2u] >> shift) * c.scale.y,
    );
}
