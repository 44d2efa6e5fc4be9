// Stages rows of inputs for matmul.wgsl with `integers`: the staged inputs, and for each block of 32 its scale and the
// sums of its halves. One invocation per block.
#include step
#include rows
#include matmul/integers

override COLS: u32; // a multiple of 32
override CHUNKS: u32 = COLS / 32u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;            // [rows, COLS]
@group(0) @binding(2) var<storage, read_write> y: array<Input>;          // [rows, COLS]
@group(0) @binding(3) var<storage, read_write> blocks: array<vec4<f32>>; // [rows, CHUNKS]: scale, sums of the halves

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= CHUNKS || id.y >= row_count()) {
        return;
    }
    let block = id.y * CHUNKS + id.x;
    var greatest = 0.0;
    for (var q = 0u; q < 8u; q++) {
        greatest = max(greatest, greatest_of(x[block * 8u + q]));
    }
    let inverse = inverse_input_scale(greatest);
    var sums = vec2<f32>(0.0);
    for (var q = 0u; q < 4u; q++) {
        let low = staged(x[block * 8u + q] * inverse);
        let high = staged(x[block * 8u + q + 4u] * inverse);
        y[block * 8u + q] = low;
        y[block * 8u + q + 4u] = high;
        sums += vec2<f32>(sum_of(low), sum_of(high));
    }
    blocks[block] = vec4<f32>(input_scale(greatest) * vec3<f32>(1.0, sums), 0.0);
}
