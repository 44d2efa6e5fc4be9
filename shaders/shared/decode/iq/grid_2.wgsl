#requires decode/quads
// Entries of eight magnitudes, two bits each.
#include decode/iq/grid

// Four of the codes; the last four if `half` is 1.
fn weights_codes(entry: u32, half: u32) -> vec4<u32> {
    return (vec4<u32>(entry >> (8u * half)) >> (LANES4 * 2u)) & vec4<u32>(3u);
}

// The magnitudes 8, 25 and 43 of the IQ2 formats, with the signs of the whole octet.
fn weights_octet(entry: u32, signs: u32, half: u32) -> vec4<f32> {
    let codes = weights_codes(entry, half);
    return weights_signed(vec4<f32>(8u + codes * 17u + (codes >> vec4<u32>(1u))), signs >> (4u * half));
}
