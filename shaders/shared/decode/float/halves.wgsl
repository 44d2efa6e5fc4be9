#requires weights, COLS
// Formats of 16 bits per value.
#include decode/float/floats

// The words of the four values from `first` on. In rows of odd length they may begin within a word.
fn weights_halves(first: u32) -> vec2<u32> {
    let index = first >> 1u;
    let words = vec2<u32>(weights[index], weights[index + 1u]);
    if (COLS % 2u == 0u || first % 2u == 0u) {
        return words;
    }
    return (words >> vec2<u32>(16u)) | (vec2<u32>(words.y, weights[index + 2u]) << vec2<u32>(16u));
}
