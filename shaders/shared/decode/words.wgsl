#requires weights, SCALES
// Reads of `weights: array<u32>` that are no whole words.

// The scale of a block whose scale lies apart: they are f16 numbers.
fn weights_d(block: u32) -> f32 {
    return unpack2x16float(weights[SCALES + (block >> 1u)] >> ((block & 1u) * 16u)).x;
}

// The byte at any offset.
fn weights_byte(offset: u32) -> u32 {
    return (weights[offset >> 2u] >> ((offset & 3u) * 8u)) & 0xffu;
}
