// Whose rows a workgroup computes: those of the matrix in `weights`, or of another one whose rows come then.
#if below
override BELOW_OUTPUTS: u32; // rows of that matrix
override BELOW_SCALES: u32;  // as SCALES, of its buffer

@group(0) @binding(6) var<storage, read> below: array<u32>; // [BELOW_OUTPUTS, COLS]
#include second as below

var<private> is_below: bool;

// The place of the workgroup `index` among those of its matrix, of which each computes `outputs`.
fn own_tile(index: u32, outputs: u32) -> u32 {
    let tiles = (OUTPUTS + outputs - 1u) / outputs;
    is_below = index >= tiles;
    return select(index, index - tiles, is_below);
}

fn matrix_rows() -> u32 {
    return select(OUTPUTS, BELOW_OUTPUTS, is_below);
}

fn first_output() -> u32 {
    return select(FIRST, FIRST + OUTPUTS, is_below);
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
