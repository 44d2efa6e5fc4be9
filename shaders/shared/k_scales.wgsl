// The 6-bit scale and minimum of sub-block `s` of Q4_K and Q5_K, whose 12 packed bytes begin at word `index`: those of
// the first four lie in the low six bits of bytes 0..4 and 4..8; of the last four, the low four bits lie in bytes 8..12
// and the high two above the first ones.
fn weights_k_scale(index: u32, s: u32) -> vec2<f32> {
    let shift = (s & 3u) * 8u;
    let scale = weights[index] >> shift;
    let offset = weights[index + 1u] >> shift;
    if (s < 4u) {
        return vec2<f32>(vec2<u32>(scale, offset) & vec2<u32>(63u));
    }
    let low = weights[index + 2u] >> shift;
    return vec2<f32>(
        f32((low & 0x0fu) | ((scale >> 2u) & 0x30u)),
        f32(((low >> 4u) & 0x0fu) | ((offset >> 2u) & 0x30u)),
    );
}
