#include floats

fn weights_floats(first: u32) -> vec4<f32> {
    return vec4<f32>(
        unpack2x16float(weights_word(first * 2u)),
        unpack2x16float(weights_word(first * 2u + 4u)),
    );
}
