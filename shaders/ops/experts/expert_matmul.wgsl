// y[row][slot] = W[ids[row][slot]] · x (+ bias), with matrices selected on the GPU. `weights` is the stack of all
// experts' matrices.
//
// As matvec.wgsl without subgroups: the LANES lanes of a group share the chunks of ROWS neighbouring outputs of one
// slot. A stack that is too large for one binding has several parts, which may end within an expert; the dispatch of
// each part writes the outputs of its rows.
//
// With `integers` the workgroup stages the row first.
//
// If `gated`, it computes activation(gate) * up of two products of the row, which it may normalize, as matvec.wgsl
// does.
#include ended
#include decode/quads
#if gated
#include gated
#end

override COLS: u32;          // inputs
override OUTPUTS: u32;       // of an expert
override FIRST: u32 = 0;     // first row of this part of the stack
override PART_ROWS: u32;     // rows of this part
override USED: u32;          // slots of a row
override SHARED: bool;       // all slots of a row share one input
override X_STRIDE: u32;      // of a row of x in memory
override STRIDE: u32;        // of a row of y
override ID_STRIDE: u32;     // of a row of ids
override BIAS: bool;
#if gated
override NORM: bool;
override EPS: f32 = 0.0;
#else
const NORM: bool = false;
#end

const LANES: u32 = 16u;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;  // [rows, COLS] or [rows, USED, COLS]
@group(0) @binding(1) var<storage, read> ids: array<f32>;      // [rows, USED]
@group(0) @binding(2) var<storage, read> weights: array<u32>;  // [PART_ROWS, COLS]
@group(0) @binding(3) var<storage, read> bias: array<f32>;     // [experts, OUTPUTS]
@group(0) @binding(4) var<storage, read_write> y: array<f32>;  // [rows, USED, OUTPUTS]
#if gated
@group(0) @binding(5) var<storage, read> up: array<u32>;       // as weights
@group(0) @binding(6) var<storage, read> up_bias: array<f32>;
@group(0) @binding(7) var<storage, read> gain: array<vec4<f32>>; // [COLS], zero beyond
#end
#include format
#if gated
#include format as up
#end
#if integers
const SPLIT: u32 = 1u;
#include matmul/stage
#include matmul/staged_row
#if gated
#include matmul/staged_row as up
#end
#end

var<private> row_start: u32; // of the row, in vectors of four

var<workgroup> partial: array<vec4<f32>, THREADS>;
#if gated
var<workgroup> partial_up: array<vec4<f32>, THREADS>;
var<workgroup> squares: array<f32, THREADS>;
#end

fn row_quad(column: u32) -> vec4<f32> {
    if (column >= COLS) {
        return vec4<f32>(0.0);
    }
    let v = x[row_start + column / 4u];
    if (column + 4u <= COLS) {
        return v;
    }
    return select(vec4<f32>(0.0), v, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
}

fn gain_at(column: u32) -> vec4<f32> {
#if gated
    return gain[min(column, COLS - 1u) / 4u];
#else
    return vec4<f32>(1.0);
#end
}

#if !integers
fn product(pair: array<vec4<f32>, 2>, low: vec4<f32>, high: vec4<f32>) -> f32 {
    return dot(pair[0], low) + dot(pair[1], high);
}
#end

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    if (ended()) {
        return;
    }
    let row = group.y / USED;
    let slot = group.y % USED;
    let expert = u32(ids[row * ID_STRIDE + slot]);
    let output = (group.x * (THREADS / LANES) + local / LANES) * 4u;
    // Rows in the stack, then in this part of it; below its beginning they wrap around.
    let stacked = vec4<u32>(expert * OUTPUTS + output) + LANES4;
    let own = stacked - vec4<u32>(FIRST);
    let rows = min(own, vec4<u32>(PART_ROWS - 1u));
    row_start = row * (X_STRIDE / 4u);
    if (!SHARED) {
        row_start += slot * (COLS / 4u);
    }
#if integers
    stage(local);
    workgroupBarrier();
#end
    var sums = vec4<f32>(0.0);
#if gated
    var up_sums = vec4<f32>(0.0);
    var square = 0.0;
#end
#if integers
    for (var chunk = local % LANES; chunk < CHUNKS; chunk += LANES) {
        let block = blocks[chunk];
        sums += vec4<f32>(
            weights_of_row(rows.x, chunk, 0u, block),
            weights_of_row(rows.y, chunk, 0u, block),
            weights_of_row(rows.z, chunk, 0u, block),
            weights_of_row(rows.w, chunk, 0u, block),
        );
#if gated
        square += block.w;
        up_sums += vec4<f32>(
            up_of_row(rows.x, chunk, 0u, block),
            up_of_row(rows.y, chunk, 0u, block),
            up_of_row(rows.z, chunk, 0u, block),
            up_of_row(rows.w, chunk, 0u, block),
        );
#end
    }
#else
    for (var chunk = local % LANES; chunk < (COLS + 31u) / 32u; chunk += LANES) {
        let c0 = weights_chunk(rows.x, chunk);
        let c1 = weights_chunk(rows.y, chunk);
        let c2 = weights_chunk(rows.z, chunk);
        let c3 = weights_chunk(rows.w, chunk);
#if gated
        let u0 = up_chunk(rows.x, chunk);
        let u1 = up_chunk(rows.y, chunk);
        let u2 = up_chunk(rows.z, chunk);
        let u3 = up_chunk(rows.w, chunk);
#end
        for (var p = 0u; p < 4u; p++) {
            let column = chunk * 32u + 4u * p;
            var low = row_quad(column);
            var high = row_quad(column + 16u);
#if gated
            if (NORM) {
                square += dot(low, low) + dot(high, high);
                low *= gain_at(column);
                high *= gain_at(column + 16u);
            }
            up_sums += vec4<f32>(
                product(up_pair(u0, p), low, high),
                product(up_pair(u1, p), low, high),
                product(up_pair(u2, p), low, high),
                product(up_pair(u3, p), low, high),
            );
#end
            sums += vec4<f32>(
                product(weights_pair(c0, p), low, high),
                product(weights_pair(c1, p), low, high),
                product(weights_pair(c2, p), low, high),
                product(weights_pair(c3, p), low, high),
            );
        }
    }
#end
    partial[local] = sums;
#if gated
    partial_up[local] = up_sums;
    squares[local] = square;
#end
    for (var half = LANES / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local % LANES < half) {
            partial[local] += partial[local + half];
#if gated
            partial_up[local] += partial_up[local + half];
            squares[local] += squares[local + half];
#end
        }
    }
    workgroupBarrier();
    let lane = local % LANES;
    if (lane < 4u && output + lane < OUTPUTS && own[lane] < PART_ROWS) {
        var value = partial[local - lane][lane];
#if gated
        var factor = partial_up[local - lane][lane];
        if (NORM) {
            let scale = inverseSqrt(squares[local - lane] / f32(COLS) + EPS);
            value *= scale;
            factor *= scale;
        }
        if (BIAS) {
            value += bias[expert * OUTPUTS + output + lane];
            factor += up_bias[expert * OUTPUTS + output + lane];
        }
        value = gated(value, factor);
#else
        if (BIAS) {
            value += bias[expert * OUTPUTS + output + lane];
        }
#end
        y[row * STRIDE + slot * OUTPUTS + output + lane] = value;
    }
}
