// Reads of `weights: array<u32>` at byte offsets. Blocks of an even, but not always a whole number of words, follow each
// other without gaps.

// The four bytes from an even offset on.
fn weights_word(offset: u32) -> u32 {
    let index = offset >> 2u;
    if ((offset & 2u) == 0u) {
        return weights[index];
    }
    return (weights[index] >> 16u) | (weights[index + 1u] << 16u);
}

// The two bytes at an even offset; the upper half of the result is undefined.
fn weights_short(offset: u32) -> u32 {
    return weights[offset >> 2u] >> ((offset & 2u) * 8u);
}

fn weights_half(offset: u32) -> f32 {
    return unpack2x16float(weights_short(offset) & 0xffffu).x;
}

// The byte at any offset.
fn weights_byte(offset: u32) -> u32 {
    return (weights[offset >> 2u] >> ((offset & 3u) * 8u)) & 0xffu;
}
