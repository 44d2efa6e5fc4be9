// The weighted sum of the USED slots of a row of x.
#include step
#include rows

override WIDTH: u32;    // elements of a slot
override STRIDE: u32;   // of a row of y in memory
override X_STRIDE: u32; // of a row of x in memory
override USED: u32;
override W_STRIDE: u32; // of a row of weights in memory

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<f32>;       // [rows, USED, WIDTH]
@group(0) @binding(2) var<storage, read> weights: array<f32>; // [rows, USED]
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [rows, WIDTH]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = group.x * THREADS + local;
    if (i >= WIDTH || group.y >= row_count()) {
        return;
    }
    var sum = 0.0;
    for (var slot = 0u; slot < USED; slot++) {
        sum += weights[group.y * W_STRIDE + slot] * x[group.y * X_STRIDE + slot * WIDTH + i];
    }
    y[group.y * STRIDE + i] = sum;
}
