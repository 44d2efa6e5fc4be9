#requires decode/quads, weights
// Formats whose indices stand for several values each: the buffer begins with the format's codebook, entries of 16
// bits.
fn weights_entry(index: u32) -> u32 {
    return (weights[index >> 1u] >> ((index & 1u) * 16u)) & 0xffffu;
}

// The signs of eight values that a set of 7 bits stands for: the eighth bit makes the number of negations even.
fn weights_sign_set(bits: u32) -> u32 {
    let seven = bits & 127u;
    return seven | ((countOneBits(seven) & 1u) << 7u);
}

// Negates values where `signs` has a bit, lowest first.
fn weights_signed(values: vec4<f32>, signs: u32) -> vec4<f32> {
    return select(values, -values, ((vec4<u32>(signs) >> LANES4) & vec4<u32>(1u)) != vec4<u32>(0u));
}
