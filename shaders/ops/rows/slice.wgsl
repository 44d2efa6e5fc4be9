// The LEN elements from FIRST on of each group of GROUP neighbours in a row of x.
#include step
#include rows

override WIDTH: u32;    // elements in a row of y
override STRIDE: u32;   // of a row of y in memory
override X_STRIDE: u32; // of a row of x in memory
override FIRST: u32;
override LEN: u32;
override GROUP: u32;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let i = group.x * THREADS + local;
    if (i >= WIDTH || group.y >= row_count()) {
        return;
    }
    y[group.y * STRIDE + i] = x[group.y * X_STRIDE + (i / LEN) * GROUP + FIRST + i % LEN];
}
