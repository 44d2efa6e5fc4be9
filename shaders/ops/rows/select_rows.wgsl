// The last rows of x, one for each of the step's logits.
#include step

override QUADS: u32; // of 4 values in a row

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;       // [tokens, 4 * QUADS]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>; // [logits, 4 * QUADS]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quad = group.x * THREADS + local;
    if (quad >= QUADS || group.y >= step.logits) {
        return;
    }
    y[group.y * QUADS + quad] = x[(step.tokens - step.logits + group.y) * QUADS + quad];
}
