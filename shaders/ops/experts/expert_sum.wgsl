// y[row] = residual[row] + Σ_slot shares[row][slot] (W[ids[row][slot]] · x[row][slot] (+ bias)): the weighted sum of
// the outputs of the experts of a row.
//
// SPLIT groups of LANES lanes compute four neighbouring outputs: the groups share the slots, and the lanes of a group
// the chunks of a slot. A stack that is too large for one binding has several parts; the dispatches after the first add
// to y (`ADDS`).
#include ended
#include decode/quads

override COLS: u32;          // inputs of a slot
override OUTPUTS: u32;
override FIRST: u32 = 0;     // first row of this part of the stack
override PART_ROWS: u32;     // rows of this part
override USED: u32;          // slots of a row
override X_STRIDE: u32;      // of a row of x in memory
override STRIDE: u32;        // of a row of y
override ID_STRIDE: u32;     // of a row of ids and of shares
override BIAS: bool;
override RESIDUAL: bool;
override ADDS: bool = false;
override SPLIT: u32;         // 1, 2 or 4
override SPAN: u32 = LANES * SPLIT;

const LANES: u32 = 16u;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;     // [rows, USED, COLS]
@group(0) @binding(1) var<storage, read> ids: array<f32>;         // [rows, USED]
@group(0) @binding(2) var<storage, read> shares: array<f32>;      // [rows, USED]
@group(0) @binding(3) var<storage, read> weights: array<u32>;     // [PART_ROWS, COLS]
@group(0) @binding(4) var<storage, read> bias: array<f32>;        // [experts, OUTPUTS]
@group(0) @binding(5) var<storage, read> residual: array<f32>;    // [rows, OUTPUTS]
@group(0) @binding(6) var<storage, read_write> y: array<f32>;     // [rows, OUTPUTS]
#include format

var<workgroup> partial: array<vec4<f32>, THREADS>;

fn input(start: u32, column: u32) -> vec4<f32> {
    if (column >= COLS) {
        return vec4<f32>(0.0);
    }
    return x[start + column / 4u];
}

fn product(pair: array<vec4<f32>, 2>, low: vec4<f32>, high: vec4<f32>) -> f32 {
    return dot(pair[0], low) + dot(pair[1], high);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    if (ended()) {
        return;
    }
    let row = group.y;
    let lane = local % SPAN;
    let output = (group.x * (THREADS / SPAN) + local / SPAN) * 4u;
    var total = vec4<f32>(0.0);
    for (var slot = lane / LANES; slot < USED; slot += SPLIT) {
        let expert = u32(ids[row * ID_STRIDE + slot]);
        let stacked = vec4<u32>(expert * OUTPUTS + output) + LANES4;
        let own = stacked - vec4<u32>(FIRST); // wraps around below its beginning
        let rows = min(own, vec4<u32>(PART_ROWS - 1u));
        let start = row * (X_STRIDE / 4u) + slot * (COLS / 4u);
        var sums = vec4<f32>(0.0);
        for (var chunk = local % LANES; chunk < (COLS + 31u) / 32u; chunk += LANES) {
            let c0 = weights_chunk(rows.x, chunk);
            let c1 = weights_chunk(rows.y, chunk);
            let c2 = weights_chunk(rows.z, chunk);
            let c3 = weights_chunk(rows.w, chunk);
            for (var p = 0u; p < 4u; p++) {
                let low = input(start, chunk * 32u + 4u * p);
                let high = input(start, chunk * 32u + 4u * p + 16u);
                sums += vec4<f32>(
                    product(weights_pair(c0, p), low, high),
                    product(weights_pair(c1, p), low, high),
                    product(weights_pair(c2, p), low, high),
                    product(weights_pair(c3, p), low, high),
                );
            }
        }
        if (BIAS && local % LANES == 0u) {
            let at = min(stacked, vec4<u32>(arrayLength(&bias) - 1u));
            sums += vec4<f32>(bias[at.x], bias[at.y], bias[at.z], bias[at.w]);
        }
        let share = shares[row * ID_STRIDE + slot];
        total += select(vec4<f32>(0.0), share * sums, own < vec4<u32>(PART_ROWS));
    }
    partial[local] = total;
    for (var half = SPAN / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (lane < half) {
            partial[local] += partial[local + half];
        }
    }
    workgroupBarrier();
    if (lane < 4u && output + lane < OUTPUTS) {
        let at = row * STRIDE + output + lane;
        var value = partial[local - lane][lane];
        if (ADDS) {
            value += y[at];
        } else if (RESIDUAL) {
            value += residual[at];
        }
        y[at] = value;
    }
}
