// As matvec.wgsl, for adapters that pay for every memory access of every lane: those that run on the CPU.
//
// An invocation computes eight outputs (gated: four, which take a row of gate and one of up each) alone. Of each chunk of
// inputs eight lanes read a quad each, apply the norm's gain and broadcast them. Where something comes `before` it, every
// workgroup makes the row for itself, and the first stores it.
#include quads
#if gated
#include gated
#end

override COLS: u32;        // inputs
override OUTPUTS: u32;     // rows of this part of the matrix
override FIRST: u32 = 0;   // first of them in the whole matrix
override NORM: bool;
override EPS: f32 = 0.0;
override BIAS: bool;
override RESIDUAL: bool = false;

#include row
#include tile
#include format
#include tile_rows
#if gated
#include format as up
#include tile_rows as up
#end
#include outputs

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

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
#if before
    // The lanes of a workgroup may lie in a larger subgroup, or in one of their own.
    set_before_scale(subgroupAdd(squares_before(local, THREADS)));
    if (group.x + group.y == 0u) {
        store_row(local);
    }
#end
    let row = (group.y * groups.x + group.x) * ROWS + local * (ROWS / THREADS);
    let last = vec4<u32>(OUTPUTS - 1u);
    let first_rows = min(row + LANES4, last);
#if !gated
    let second_rows = min(row + 4u + LANES4, last);
#end
    var first = vec4<f32>(0.0);
    var second = vec4<f32>(0.0);
    var squares = 0.0;
    for (var chunk = 0u; chunk < (COLS + 31u) / 32u; chunk++) {
        let own = input(chunk * 32u + 4u * (lane & 7u));
        squares += own.square;
        var quads = array<vec4<f32>, 8>(
            subgroupBroadcast(own.value, 0u),
            subgroupBroadcast(own.value, 1u),
            subgroupBroadcast(own.value, 2u),
            subgroupBroadcast(own.value, 3u),
            subgroupBroadcast(own.value, 4u),
            subgroupBroadcast(own.value, 5u),
            subgroupBroadcast(own.value, 6u),
            subgroupBroadcast(own.value, 7u),
        );
        let first_chunks = weights_chunks(first_rows, chunk);
#if gated
        let second_chunks = up_chunks(first_rows, chunk);
#else
        let second_chunks = weights_chunks(second_rows, chunk);
#end
        for (var p = 0u; p < 4u; p++) {
            let low = quads[p];
            let high = quads[p + 4u];
            let w = weights_pairs(first_chunks, p);
            first += products(w.low, low) + products(w.high, high);
#if gated
            let v = up_pairs(second_chunks, p);
#else
            let v = weights_pairs(second_chunks, p);
#end
            second += products(v.low, low) + products(v.high, high);
        }
    }
    if (NORM) {
        let scale = inverseSqrt(subgroupAdd(select(0.0, squares, lane < 8u)) / f32(COLS) + EPS);
        first *= scale;
        second *= scale;
    }
    store_outputs(0u, row, first, second);
}
