#requires decode/quads, weights
// Formats whose indices select several values from a codebook, with which the buffer begins: entries of 16 bits.
fn weights_entry(index: u32) -> u32 {
    return (weights[index >> 1u] >> ((index & 1u) * 16u)) & 0xffffu;
}

// The signs of eight values from 7 bits: the eighth makes the number of negations even.
fn weights_sign_set(bits: u32) -> u32 {
    let seven = bits & 127u;
    return seven | ((countOneBits(seven) & 1u) << 7u);
}

// Negates the values whose bit in `signs` is set, lowest bit first.
fn weights_signed(values: vec4<f32>, signs: u32) -> vec4<f32> {
    return select(values, -values, ((vec4<u32>(signs) >> LANES4) & vec4<u32>(1u)) != vec4<u32>(0u));
}
