// y = CAP * tanh(x / CAP), element by element.
#include step
#include rows

override QUADS: u32; // of 4 values in a row
override CAP: f32;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>; // [rows, 4 * QUADS]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quad = group.x * THREADS + local;
    if (quad >= QUADS || group.y >= row_count()) {
        return;
    }
    let at = group.y * QUADS + quad;
    // Clamped, because some implementations divide exponentials, which would overflow.
    y[at] = CAP * tanh(clamp(x[at] / CAP, vec4<f32>(-15.0), vec4<f32>(15.0)));
}
