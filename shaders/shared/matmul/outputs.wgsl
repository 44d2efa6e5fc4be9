#requires y
#if gated
#requires gated
#end
#if !fused_add_norm
#requires BIAS, bias
#if gated
#requires up_bias
#else
#requires RESIDUAL, FACTOR, residual
#end
#end
#include matmul/second_matrix
// Stores the outputs of a token from `row` on; its row of y begins at `start`. There are eight outputs, or four gated
// ones, whose gates are `first` and whose factors are `second`.
fn store_outputs(start: u32, row: u32, first: vec4<f32>, second: vec4<f32>) {
    for (var i = 0u; i < 4u; i++) {
#if gated
        store_output(start, row + i, first[i], second[i]);
#else
        store_output(start, row + i, first[i]);
        store_output(start, row + 4u + i, second[i]);
#end
    }
}

#if gated
fn store_output(start: u32, row: u32, gate: f32, factor: f32) {
    if (row >= matrix_rows()) {
        return;
    }
    let column = first_output() + row;
#if !fused_add_norm
    if (BIAS) {
        y[start + column] = gated(gate + bias[column], factor + up_bias[column]);
        return;
    }
#end
    y[start + column] = gated(gate, factor);
}
#else
fn store_output(start: u32, row: u32, sum: f32) {
    if (row >= matrix_rows()) {
        return;
    }
    let column = first_output() + row;
    var value = sum;
#if !fused_add_norm
    if (BIAS) {
        value += bias[column];
    }
    if (RESIDUAL) {
        value = FACTOR * value + residual[start + column];
    }
#end
    y[start + column] = value;
}
#end
