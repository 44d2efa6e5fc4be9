// As matmul.wgsl, for adapters that pay for every memory access of every lane: those that run on the CPU.
//
// An invocation computes four outputs (gated: two of gate and the same two of up) of TOKENS tokens and decodes its own
// weights into registers. The inputs, the same for all lanes, are read by eight lanes, a token each, and broadcast.
#include step
#include rows
#include quads
#if gated
#include gated
#end

override COLS: u32;          // inputs
override OUTPUTS: u32;       // rows of this part of the matrix
override FIRST: u32 = 0;     // first of them in the whole matrix
override STRIDE: u32;        // of a row of y and residual
override BIAS: bool;
override RESIDUAL: bool = false;

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
#include format
#if gated
#include format as up
#end
#include outputs

// One quad of each of the invocation's rows, or its sums for each of four tokens.
struct Four {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

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

fn products(w: Four, v: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(w.a, v), dot(w.b, v), dot(w.c, v), dot(w.d, v));
}

// Adds the products of four tokens, of which lanes 0 to 3 hold a quad each.
fn advance(sums: Four, w: Four, quads: vec4<f32>) -> Four {
    return Four(
        sums.a + products(w, subgroupBroadcast(quads, 0u)),
        sums.b + products(w, subgroupBroadcast(quads, 1u)),
        sums.c + products(w, subgroupBroadcast(quads, 2u)),
        sums.d + products(w, subgroupBroadcast(quads, 3u)),
    );
}

// As `advance`, of lanes 4 to 7.
fn advance_upper(sums: Four, w: Four, quads: vec4<f32>) -> Four {
    return Four(
        sums.a + products(w, subgroupBroadcast(quads, 4u)),
        sums.b + products(w, subgroupBroadcast(quads, 5u)),
        sums.c + products(w, subgroupBroadcast(quads, 6u)),
        sums.d + products(w, subgroupBroadcast(quads, 7u)),
    );
}

// Stores the outputs of those of four tokens that there are.
fn store_four(row: u32, token: u32, sums: Four) {
    let end = row_count();
    if (token < end) {
        store_outputs(token * STRIDE, row, sums.a);
    }
    if (token + 1u < end) {
        store_outputs((token + 1u) * STRIDE, row, sums.b);
    }
    if (token + 2u < end) {
        store_outputs((token + 2u) * STRIDE, row, sums.c);
    }
    if (token + 3u < end) {
        store_outputs((token + 3u) * STRIDE, row, sums.d);
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
    let own = token + (lane & 7u); // the token whose inputs this lane reads
    let last = OUTPUTS - 1u;
    let r0 = min(row, last);
    let r1 = min(row + 1u, last);
#if !gated
    let r2 = min(row + 2u, last);
    let r3 = min(row + 3u, last);
#end

    var t0 = Four();
    var t4 = Four();
    var t8 = Four();
    var t12 = Four();
    for (var chunk = 0u; chunk < (COLS + 31u) / 32u; chunk++) {
        let s0 = weights_scale(r0, chunk);
        let s1 = weights_scale(r1, chunk);
#if gated
        let s2 = up_scale(r0, chunk);
        let s3 = up_scale(r1, chunk);
#else
        let s2 = weights_scale(r2, chunk);
        let s3 = weights_scale(r3, chunk);
#end
        for (var p = 0u; p < 4u; p++) {
            let w0 = weights_pair(r0, chunk, p, s0);
            let w1 = weights_pair(r1, chunk, p, s1);
#if gated
            let w2 = up_pair(r0, chunk, p, s2);
            let w3 = up_pair(r1, chunk, p, s3);
#else
            let w2 = weights_pair(r2, chunk, p, s2);
            let w3 = weights_pair(r3, chunk, p, s3);
#end
            let low = Four(w0[0], w1[0], w2[0], w3[0]);
            let high = Four(w0[1], w1[1], w2[1], w3[1]);
            let column = chunk * 32u + 4u * p;
            let low_0 = input(own, column);
            let low_8 = input(own + 8u, column);
            let high_0 = input(own, column + 16u);
            let high_8 = input(own + 8u, column + 16u);
            t0 = advance(t0, low, low_0);
            t4 = advance_upper(t4, low, low_0);
            t8 = advance(t8, low, low_8);
            t12 = advance_upper(t12, low, low_8);
            t0 = advance(t0, high, high_0);
            t4 = advance_upper(t4, high, high_0);
            t8 = advance(t8, high, high_8);
            t12 = advance_upper(t12, high, high_8);
        }
    }
    store_four(row, token, t0);
    store_four(row, token + 4u, t4);
    store_four(row, token + 8u, t8);
    store_four(row, token + 12u, t12);
}
