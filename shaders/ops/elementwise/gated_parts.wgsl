// y = activation(gate) * up, element by element: gate is a part of each row of x, up a part of each row of `other`,
// which may be x.
#include step
#include rows
#include gated

override WIDTH: u32;     // of a part
override STRIDE: u32;    // of a row of y in memory
override X_STRIDE: u32;  // of a row of x
override OTHER_STRIDE: u32;
override GATE: u32;      // first elements of the parts
override UP: u32;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<f32>;       // [rows, X_STRIDE]
@group(0) @binding(2) var<storage, read> other: array<f32>;   // [rows, OTHER_STRIDE]
@group(0) @binding(3) var<storage, read_write> y: array<f32>; // [rows, WIDTH]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let column = group.x * THREADS + local;
    if (column >= WIDTH || group.y >= row_count()) {
        return;
    }
    let gate = x[group.y * X_STRIDE + GATE + column];
    y[group.y * STRIDE + column] = gated(gate, other[group.y * OTHER_STRIDE + UP + column]);
}
