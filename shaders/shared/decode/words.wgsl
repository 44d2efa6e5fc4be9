#requires weights, SCALES
// Reads of parts of words of `weights: array<u32>`.

// The f16 scale of a block whose scale is stored apart.
fn weights_d(block: u32) -> f32 {
    return unpack2x16float(weights[SCALES + (block >> 1u)] >> ((block & 1u) * 16u)).x;
}

// The byte at any offset.
fn weights_byte(offset: u32) -> u32 {
    return (weights[offset >> 2u] >> ((offset & 3u) * 8u)) & 0xffu;
}
