#requires weights
#include decode/float/floats

fn weights_floats(first: u32) -> vec4<f32> {
    return bitcast<vec4<f32>>(
        vec4<u32>(weights[first], weights[first + 1u], weights[first + 2u], weights[first + 3u])
    );
}
