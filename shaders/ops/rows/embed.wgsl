// y[token] = FACTOR * table[id of token]: decodes the rows of a step's tokens.
//
// One invocation decodes one pair of quads. A table too large for one binding has several parts; the dispatch of each
// part writes the rows that the part has.
#include step
#include decode/quads

override COLS: u32;      // values in a row
override FIRST: u32 = 0; // first row of this part of the table
override ROWS: u32;      // rows of this part
override FACTOR: f32 = 1.0;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> history: array<u32>; // the token at each position
@group(0) @binding(2) var<storage, read> weights: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>; // [tokens, COLS]
#include format

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quads = (COLS + 3u) / 4u;
    let pair = group.x * THREADS + local;
    let chunk = pair / 4u;
    let p = pair % 4u;
    let row = history[step.position + group.y] - FIRST; // wraps around below FIRST
    if (chunk * 32u >= COLS || row >= ROWS || group.y >= step.tokens) {
        return;
    }
    let values = weights_pair(weights_chunk(row, chunk), p);
    let first = chunk * 8u + p;
    if (first < quads) {
        y[group.y * quads + first] = FACTOR * values[0];
    }
    if (first + 4u < quads) {
        y[group.y * quads + first + 4u] = FACTOR * values[1];
    }
}
