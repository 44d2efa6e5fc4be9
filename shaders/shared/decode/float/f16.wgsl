// F16: IEEE half precision.
#include decode/float/halves

fn weights_floats(first: u32) -> vec4<f32> {
    let words = weights_halves(first);
    return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
