// As matvec.wgsl, for software adapters, on which every memory access of every lane costs time.
//
// An invocation computes eight outputs (gated: four, each from a row of gate and one of up). In each chunk of inputs
// eight lanes read a quad each, apply the gain of the norm and broadcast it. `fused_add_norm` and `second_matrix` are
// as in matvec.wgsl.
#include ended
#include decode/quads
#if gated
#include gated
override UP_FIRST: u32 = 0u;   // first row of `up`, which may be a part of `weights`
#end

override COLS: u32;        // inputs
override OUTPUTS: u32;     // rows of this part of the matrix
override FIRST: u32 = 0;   // index of the first of them in the whole matrix
override NORM: bool;
override EPS: f32 = 0.0;
override BIAS: bool;
override RESIDUAL: bool = false;
override FACTOR: f32 = 1.0;      // of the products, if a residual is added

#include matmul/row
#include matmul/tile
#include format
#include matmul/tile_rows
#if gated
#include format as up
#include matmul/tile_rows as up
#end
#include matmul/outputs
#if second_matrix
#include matmul/tile_rows as second_weights
#end

struct Outputs {
    first: vec4<f32>,
    second: vec4<f32>,
    squares: f32,
}

struct Input {
    value: vec4<f32>,   // times the norm's gain
    square: f32,        // of the input itself
}

fn input(column: u32) -> Input {
    let v = row_quad(column);
    if (NORM) {
        return Input(v * gain[min(column, COLS - 1u) / 4u], dot(v, v));
    }
    return Input(v, 0.0);
}

#include matmul/chunk_sums
#if second_matrix
#include matmul/chunk_sums as second_weights
#end

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    if (ended()) {
        return;
    }
#if fused_add_norm
    // The lanes of a workgroup may be a part of a larger subgroup, or a subgroup of their own.
    set_add_norm_scale(subgroupAdd(add_norm_squares(local, THREADS)));
    if (group.x + group.y == 0u) {
        store_row(local);
    }
#end
    let tile = own_tile(group.y * groups.x + group.x, ROWS);
    let row = tile * ROWS + local * (ROWS / THREADS);
#if second_matrix
    var own: Outputs;
    if (is_second) {
        own = second_weights_outputs(row, lane);
    } else {
        own = weights_outputs(row, lane);
    }
#else
    var own = weights_outputs(row, lane);
#end
    if (NORM) {
        let scale = inverseSqrt(subgroupAdd(select(0.0, own.squares, lane < 8u)) / f32(COLS) + EPS);
        own.first *= scale;
        own.second *= scale;
    }
    store_outputs(0u, row, own.first, own.second);
}
