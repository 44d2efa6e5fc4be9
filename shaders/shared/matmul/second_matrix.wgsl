#requires OUTPUTS, FIRST
// The matrix whose rows a workgroup computes: that in `weights`, or a second one, whose rows follow.
#if second_matrix
override SECOND_OUTPUTS: u32; // rows of the second matrix
override SECOND_WEIGHTS_SCALES: u32;  // as SCALES, for its buffer

@group(0) @binding(6) var<storage, read> second_weights: array<u32>; // [SECOND_OUTPUTS, COLS]
#include second_format as second_weights

var<private> is_second: bool;

// The index of a workgroup among those of its matrix, if each computes `outputs`.
fn own_tile(index: u32, outputs: u32) -> u32 {
    let tiles = (OUTPUTS + outputs - 1u) / outputs;
    is_second = index >= tiles;
    return select(index, index - tiles, is_second);
}

fn matrix_rows() -> u32 {
    return select(OUTPUTS, SECOND_OUTPUTS, is_second);
}

fn first_output() -> u32 {
    return select(FIRST, FIRST + OUTPUTS, is_second);
}
#else
fn own_tile(index: u32, outputs: u32) -> u32 {
    return index;
}

fn matrix_rows() -> u32 {
    return OUTPUTS;
}

fn first_output() -> u32 {
    return FIRST;
}
#end
