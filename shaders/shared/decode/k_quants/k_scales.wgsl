#requires weights
// The 6-bit scale and minimum of sub-block `s` of Q4_K and Q5_K, whose 12 packed bytes begin at word `index`. Those of
// the first four are in the low six bits of bytes 0..4 and 4..8. Those of the last four have their low four bits in
// bytes 8..12 and their high two bits above the first ones.
fn weights_k_scale(index: u32, s: u32) -> vec2<f32> {
    let words = vec3<u32>(weights[index], weights[index + 1u], weights[index + 2u]) >> vec3<u32>((s & 3u) * 8u);
    let lower = words.xy & vec2<u32>(63u);
    let upper = (vec2<u32>(words.z, words.z >> 4u) & vec2<u32>(15u)) | ((words.xy >> vec2<u32>(2u)) & vec2<u32>(0x30u));
    return vec2<f32>(select(lower, upper, s > 3u));
}
