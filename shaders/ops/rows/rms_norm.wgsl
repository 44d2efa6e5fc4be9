// y = x / sqrt(mean(x²) + eps) * gain for each part of a row, one workgroup each. If it `adds`, y = factor * (residual
// + the same).
#include step
#include rows

override WIDTH: u32;     // values in a part; a multiple of 4 if there are several
override PARTS: u32 = 1; // of a row
override GAIN: bool = true;
override EPS: f32;

const THREADS: u32 = 128u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;    // [rows, PARTS, WIDTH]
@group(0) @binding(2) var<storage, read> gain: array<vec4<f32>>; // [WIDTH], zero beyond
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
#if adds
@group(0) @binding(4) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> factor: array<f32>; // [1]
override SCALED: bool;
#end

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quads = (WIDTH + 3u) / 4u;
    let row = (group.y * PARTS + group.x) * quads;
    if (group.y >= row_count()) {
        return;
    }
    var sum = 0.0;
    for (var i = local; i < quads; i += THREADS) {
        var v = x[row + i];
        if (4u * i + 4u > WIDTH) {
            let inside = (vec4<u32>(4u * i) + vec4<u32>(0u, 1u, 2u, 3u)) < vec4<u32>(WIDTH);
            v = select(vec4<f32>(0.0), v, inside);
        }
        sum += dot(v, v);
    }
    partial[local] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            partial[local] += partial[local + half];
        }
    }
    workgroupBarrier();
    let scale = inverseSqrt(partial[0] / f32(WIDTH) + EPS);
    for (var i = local; i < quads; i += THREADS) {
        var value = x[row + i] * scale;
        if (GAIN) {
            value *= gain[i];
        }
#if adds
        value += residual[row + i];
        if (SCALED) {
            value *= factor[0];
        }
#end
        y[row + i] = value;
    }
}
