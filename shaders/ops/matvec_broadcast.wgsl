// As matvec.wgsl, for adapters that pay for every memory access of every lane: those that run on the CPU.
//
// An invocation computes four outputs (gated: two of gate and the same two of up) alone. Of each chunk of inputs four
// lanes read a pair of quads each, apply the norm's scale and broadcast them.
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

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;    // [COLS]
@group(0) @binding(1) var<storage, read> gain: array<vec4<f32>>; // [COLS], zero beyond
@group(0) @binding(2) var<storage, read> weights: array<u32>;    // [OUTPUTS, COLS]
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
#if gated
@group(0) @binding(5) var<storage, read> up: array<u32>;         // [OUTPUTS, COLS]
@group(0) @binding(6) var<storage, read> up_bias: array<f32>;
#else
@group(0) @binding(5) var<storage, read> residual: array<f32>;
#end
#include format
#if gated
#include format as up
#end
#include outputs

struct Input {
    value: vec4<f32>,   // times the norm's gain
    square: f32,        // of the input itself
}

fn input(column: u32) -> Input {
    if (column >= COLS) {
        return Input(vec4<f32>(0.0), 0.0);
    }
    var v = x[column / 4u];
    if (column + 4u > COLS) {
        v = select(vec4<f32>(0.0), v, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
    }
    if (NORM) {
        return Input(v * gain[column / 4u], dot(v, v));
    }
    return Input(v, 0.0);
}

// The invocation's rows and their scales in the current chunk.
struct Rows {
    index: vec4<u32>,
    s0: vec4<f32>,
    s1: vec4<f32>,
    s2: vec4<f32>,
    s3: vec4<f32>,
}

fn product(pair: array<vec4<f32>, 2>, low: vec4<f32>, high: vec4<f32>) -> f32 {
    return dot(pair[0], low) + dot(pair[1], high);
}

// Products of pair `p` of the four rows.
fn products(rows: Rows, chunk: u32, p: u32, low: vec4<f32>, high: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(
        product(weights_pair(rows.index.x, chunk, p, rows.s0), low, high),
        product(weights_pair(rows.index.y, chunk, p, rows.s1), low, high),
#if gated
        product(up_pair(rows.index.x, chunk, p, rows.s2), low, high),
        product(up_pair(rows.index.y, chunk, p, rows.s3), low, high),
#else
        product(weights_pair(rows.index.z, chunk, p, rows.s2), low, high),
        product(weights_pair(rows.index.w, chunk, p, rows.s3), low, high),
#end
    );
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * ROWS + local * (ROWS / THREADS);
    var rows: Rows;
    rows.index = min(vec4<u32>(first) + LANES4, vec4<u32>(OUTPUTS - 1u));
    var sums = vec4<f32>(0.0);
    var squares = 0.0;
    for (var chunk = 0u; chunk < (COLS + 31u) / 32u; chunk++) {
        let low = input(chunk * 32u + 4u * (lane & 3u));
        let high = input(chunk * 32u + 4u * (lane & 3u) + 16u);
        squares += low.square + high.square;
        rows.s0 = weights_scale(rows.index.x, chunk);
        rows.s1 = weights_scale(rows.index.y, chunk);
#if gated
        rows.s2 = up_scale(rows.index.x, chunk);
        rows.s3 = up_scale(rows.index.y, chunk);
#else
        rows.s2 = weights_scale(rows.index.z, chunk);
        rows.s3 = weights_scale(rows.index.w, chunk);
#end
        sums += products(rows, chunk, 0u, subgroupBroadcast(low.value, 0u), subgroupBroadcast(high.value, 0u));
        sums += products(rows, chunk, 1u, subgroupBroadcast(low.value, 1u), subgroupBroadcast(high.value, 1u));
        sums += products(rows, chunk, 2u, subgroupBroadcast(low.value, 2u), subgroupBroadcast(high.value, 2u));
        sums += products(rows, chunk, 3u, subgroupBroadcast(low.value, 3u), subgroupBroadcast(high.value, 3u));
    }
    if (NORM) {
        let total = subgroupBroadcast(squares, 0u) + subgroupBroadcast(squares, 1u)
            + subgroupBroadcast(squares, 2u) + subgroupBroadcast(squares, 3u);
        sums *= inverseSqrt(total / f32(COLS) + EPS);
    }
    store_outputs(0u, first, sums);
}
