// BF16: the upper half of a 32-bit float.
#include decode/float/halves

fn weights_floats(first: u32) -> vec4<f32> {
    let words = weights_halves(first);
    return bitcast<vec4<f32>>(vec4<u32>(words << vec2<u32>(16u), words & vec2<u32>(0xffff0000u)).xzyw);
}
