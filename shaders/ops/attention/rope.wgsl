// Rotates pair `i` of every head at position `p` by the angle p * frequency[i].
//
// The sines and cosines come from two tables that the host computes in f64, because WGSL promises no accuracy for large
// angles: 256 rows for the low byte of the position, then one row for each value of the other bytes. The two rotations
// are multiplied as complex numbers.
#include step

override HEADS: u32;
override HEAD_DIM: u32;
override PAIRS: u32;             // elements from 2 * PAIRS on are copied
override HALVES: bool;           // a pair is (i, i + PAIRS), else (2i, 2i + 1)
override STRIDE: u32;            // of a row, HEADS * HEAD_DIM rounded up to a multiple of 4

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> table: array<vec2<f32>>; // [256 + high, PAIRS] of (cos, sin)
@group(0) @binding(2) var<storage, read> x: array<f32>;           // [tokens, HEADS, HEAD_DIM]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let half = HEAD_DIM / 2u;
    let at = group.x * THREADS + local;
    if (at >= HEADS * half || group.y >= step.tokens) {
        return;
    }
    let head = group.y * STRIDE + (at / half) * HEAD_DIM;
    let i = at % half;
    if (i >= PAIRS) {
        y[head + 2u * i] = x[head + 2u * i];
        y[head + 2u * i + 1u] = x[head + 2u * i + 1u];
        return;
    }
    let position = step.position + group.y;
    let low = table[(position & 255u) * PAIRS + i];
    let high = table[(256u + (position >> 8u)) * PAIRS + i];
    let turn = vec2<f32>(low.x * high.x - low.y * high.y, low.x * high.y + low.y * high.x);

    let first = head + select(2u * i, i, HALVES);
    let second = select(first + 1u, first + PAIRS, HALVES);
    let v = vec2<f32>(x[first], x[second]);
    y[first] = v.x * turn.x - v.y * turn.y;
    y[second] = v.x * turn.y + v.y * turn.x;
}
