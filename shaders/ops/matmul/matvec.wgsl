// y = W · norm(x) (+ bias) (+ residual), or activation(gate) * up of two matrices, for one row x: decoding.
//
// A group of lanes computes ROWS neighbouring outputs: its lanes share the chunks of the row (or, with SPLIT > 1, parts
// of chunks), and their sums are added up by subgroup operations or in workgroup memory. The norm needs no pass of its
// own: y = (Σ w_k gain_k x_k) / sqrt(Σ x_k² / COLS + eps), both sums at once.
//
// With `integers` the workgroup stages the row first.
//
// With `fused_add_norm` the row is a sum: every workgroup computes it, and the first stores it. With a `second_matrix`,
// which may be the other half of a large one, the workgroups after those of the first matrix compute its outputs.
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
override SPLIT: u32;       // 1, 2 or 4 invocations per chunk
override GROUPS: u32;      // lane groups per workgroup
override THREADS: u32;     // invocations of a workgroup

#include matmul/row
#include format
#if gated
#include format as up
#end
#include matmul/second_matrix
#if integers
#include matmul/stage
#include matmul/staged_row
#if gated
#include matmul/staged_row as up
#end
#if second_matrix
#include matmul/staged_row as second_weights
#end
#end

struct Sums {
    rows: vec4<f32>,
    up: vec4<f32>,
    squares: f32,
}

#if !integers
fn product(pair: array<vec4<f32>, 2>, low: vec4<f32>, high: vec4<f32>) -> f32 {
    return dot(pair[0], low) + dot(pair[1], high);
}
#end

#include matmul/row_sums
#if second_matrix
#include matmul/row_sums as second_weights
#end

fn store(row: u32, product: f32, up_product: f32, squares: f32) {
    if (row >= matrix_rows()) {
        return;
    }
    var scale = 1.0;
    if (NORM) {
        scale = inverseSqrt(squares / f32(COLS) + EPS);
    }
    let at = first_output() + row;
    var value = product * scale;
#if gated
    var factor = up_product * scale;
#end
#if !fused_add_norm
    if (BIAS) {
        value += bias[at];
    }
#if gated
    if (BIAS) {
        factor += up_bias[at];
    }
#else
    if (RESIDUAL) {
        value = FACTOR * value + residual[at];
    }
#end
#end
#if gated
    value = gated(value, factor);
#end
    y[at] = value;
}

fn sums_of(rows: vec4<u32>, lane: u32, lanes: u32) -> Sums {
#if second_matrix
    if (is_second) {
        return second_weights_sums(rows, lane, lanes);
    }
#end
    return weights_sums(rows, lane, lanes);
}

// The outputs from `first` on; those beyond the matrix are computed from its last row and not stored.
fn rows_from(first: u32) -> vec4<u32> {
    return min(vec4<u32>(first) + LANES4, vec4<u32>(matrix_rows() - 1u));
}

#if subgroups
@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
    @builtin(local_invocation_index) local: u32,
) {
    if (ended()) {
        return;
    }
#if fused_add_norm
    set_add_norm_scale(subgroupAdd(add_norm_squares(lane, lanes)));
    if (workgroup.x + workgroup.y == 0u) {
        store_row(local);
    }
#end
#if integers
    stage(local);
    workgroupBarrier();
#end
    let tile = own_tile(workgroup.y * workgroups.x + workgroup.x, GROUPS * ROWS);
    for (var group = subgroup; group < GROUPS; group += subgroups) {
        let first = tile * GROUPS * ROWS + group * ROWS;
        let own = sums_of(rows_from(first), lane, lanes);
        let rows = subgroupAdd(own.rows);
        let up_rows = subgroupAdd(own.up);
        let squares = subgroupAdd(own.squares);
        if (lane < ROWS) {
            store(first + lane, rows[lane], up_rows[lane], squares);
        }
    }
}
#else
var<workgroup> shared_sums: array<Sums, THREADS>;
#if fused_add_norm
var<workgroup> shared_squares: array<f32, THREADS>;
#end

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    if (ended()) {
        return;
    }
#if fused_add_norm
    shared_squares[local] = add_norm_squares(local, THREADS);
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            shared_squares[local] += shared_squares[local + half];
        }
    }
    workgroupBarrier();
    set_add_norm_scale(shared_squares[0]);
    if (workgroup.x + workgroup.y == 0u) {
        store_row(local);
    }
#end
#if integers
    stage(local);
    workgroupBarrier();
#end
    let lanes = THREADS / GROUPS;
    let group = local / lanes;
    let lane = local % lanes;
    let tile = own_tile(workgroup.y * workgroups.x + workgroup.x, GROUPS * ROWS);
    let first = tile * GROUPS * ROWS + group * ROWS;
    shared_sums[local] = sums_of(rows_from(first), lane, lanes);
    workgroupBarrier();
    if (lane < ROWS) {
        var row = 0.0;
        var up_row = 0.0;
        var squares = 0.0;
        for (var i = group * lanes; i < (group + 1u) * lanes; i++) {
            row += shared_sums[i].rows[lane];
            up_row += shared_sums[i].up[lane];
            squares += shared_sums[i].squares;
        }
        store(first + lane, row, up_row, squares);
    }
}
#end
