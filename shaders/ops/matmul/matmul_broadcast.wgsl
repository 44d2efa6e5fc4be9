// As matmul.wgsl, for software adapters, on which every memory access of every lane costs time.
//
// An invocation computes eight outputs (gated: four, each from a row of gate and one of up) of TOKENS tokens and
// decodes its own weights into registers. The inputs are the same for all lanes: eight lanes read a token each and
// broadcast it.
#include step
#include rows
#include decode/quads
#if gated
#include gated
override UP_FIRST: u32 = 0u;   // first row of `up`, which may be a part of `weights`
#end

override COLS: u32;          // inputs
override OUTPUTS: u32;       // rows of this part of the matrix
override FIRST: u32 = 0;     // index of the first of them in the whole matrix
override STRIDE: u32;        // of a row of y and residual
override BIAS: bool;
override RESIDUAL: bool = false;
override FACTOR: f32 = 1.0;      // of the products, if a residual is added

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;  // [rows, COLS]
@group(0) @binding(2) var<storage, read> weights: array<u32>;  // [OUTPUTS, COLS]
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
#if gated
@group(0) @binding(5) var<storage, read> up: array<u32>;       // [OUTPUTS, COLS]
@group(0) @binding(6) var<storage, read> up_bias: array<f32>;
#else
@group(0) @binding(5) var<storage, read> residual: array<f32>;
#end
#include matmul/tile
#include format
#include matmul/tile_rows
#if gated
#include format as up
#include matmul/tile_rows as up
#end
#include matmul/outputs

fn input(token: u32, column: u32) -> vec4<f32> {
    if (column >= COLS) {
        return vec4<f32>(0.0);
    }
    let v = x[min(token, row_count() - 1u) * ((COLS + 3u) / 4u) + column / 4u];
    if (column + 4u <= COLS) {
        return v;
    }
    return select(vec4<f32>(0.0), v, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
}

// Sums of four rows for each of eight tokens.
struct Sums {
    t0: vec4<f32>,
    t1: vec4<f32>,
    t2: vec4<f32>,
    t3: vec4<f32>,
    t4: vec4<f32>,
    t5: vec4<f32>,
    t6: vec4<f32>,
    t7: vec4<f32>,
}

// Adds the products of eight tokens; lanes 0 to 7 hold a quad each.
fn advance(sums: Sums, w: Quads, quads: vec4<f32>) -> Sums {
    return Sums(
        sums.t0 + products(w, subgroupBroadcast(quads, 0u)),
        sums.t1 + products(w, subgroupBroadcast(quads, 1u)),
        sums.t2 + products(w, subgroupBroadcast(quads, 2u)),
        sums.t3 + products(w, subgroupBroadcast(quads, 3u)),
        sums.t4 + products(w, subgroupBroadcast(quads, 4u)),
        sums.t5 + products(w, subgroupBroadcast(quads, 5u)),
        sums.t6 + products(w, subgroupBroadcast(quads, 6u)),
        sums.t7 + products(w, subgroupBroadcast(quads, 7u)),
    );
}

// Stores the outputs of up to eight tokens.
fn store_eight(row: u32, token: u32, first: Sums, second: Sums) {
    var a = array<vec4<f32>, 8>(first.t0, first.t1, first.t2, first.t3, first.t4, first.t5, first.t6, first.t7);
    var b = array<vec4<f32>, 8>(second.t0, second.t1, second.t2, second.t3, second.t4, second.t5, second.t6, second.t7);
    let count = min(row_count() - min(token, row_count()), 8u);
    for (var i = 0u; i < count; i++) {
        store_outputs((token + i) * STRIDE, row, a[i], b[i]);
    }
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row = group.x * ROWS + local * (ROWS / THREADS);
    let token = group.y * TOKENS;
    let own = token + (lane & 7u); // the first of the tokens whose inputs this lane reads
    let last = vec4<u32>(OUTPUTS - 1u);
    let first_rows = min(row + LANES4, last);
#if !gated
    let second_rows = min(row + 4u + LANES4, last);
#end

    var a0 = Sums();
    var b0 = Sums();
    var a8 = Sums();
    var b8 = Sums();
    for (var chunk = 0u; chunk < (COLS + 31u) / 32u; chunk++) {
        let first_chunks = weights_chunks(first_rows, chunk);
#if gated
        let second_chunks = up_chunks(UP_FIRST + first_rows, chunk);
#else
        let second_chunks = weights_chunks(second_rows, chunk);
#end
        for (var p = 0u; p < 4u; p++) {
            let a = weights_pairs(first_chunks, p);
#if gated
            let b = up_pairs(second_chunks, p);
#else
            let b = weights_pairs(second_chunks, p);
#end
            for (var half = 0u; half < 2u; half++) {
                let column = chunk * 32u + 16u * half + 4u * p;
                let aw = quads_of(a, half);
                let bw = quads_of(b, half);
                let x0 = input(own, column);
                a0 = advance(a0, aw, x0);
                b0 = advance(b0, bw, x0);
                let x8 = input(own + 8u, column);
                a8 = advance(a8, aw, x8);
                b8 = advance(b8, bw, x8);
            }
        }
    }
    store_eight(row, token, a0, b0);
    store_eight(row, token + 8u, a8, b8);
}
