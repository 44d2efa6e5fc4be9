// The index of the greatest logit of the last row, the lowest among equals. Two passes: each of PARTS workgroups finds
// the best of a slice; then one workgroup (`last`) finds the best of those.
#include step

override WIDTH: u32;  // logits in a row

struct Candidate {
    value: f32,
    index: u32,
}

#if last
const THREADS: u32 = PARTS;
@group(0) @binding(0) var<storage, read> parts: array<Candidate>;
@group(0) @binding(1) var<storage, read_write> token: array<u32>;
#else
override STRIDE: u32; // of a row: WIDTH rounded up to a multiple of 4
const THREADS: u32 = 256u;
@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [rows, STRIDE]
@group(0) @binding(2) var<storage, read_write> parts: array<Candidate>;
#end

var<workgroup> found: array<Candidate, THREADS>;

fn better(a: Candidate, b: Candidate) -> bool {
    return a.value > b.value || (a.value == b.value && a.index < b.index);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
#if last
    var best = parts[local];
#else
    let row = (step.logits - 1u) * STRIDE;
    var best = Candidate(-3.4e38, 0xffffffffu);
    for (var i = group.x * THREADS + local; i < WIDTH; i += PARTS * THREADS) {
        let candidate = Candidate(logits[row + i], i);
        if (better(candidate, best)) {
            best = candidate;
        }
    }
#end
    found[local] = best;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half && better(found[local + half], found[local])) {
            found[local] = found[local + half];
        }
    }
    workgroupBarrier();
    if (local == 0u) {
#if last
        // Without any number among the logits no index was found.
        token[0] = select(found[0].index, 0u, found[0].index >= WIDTH);
#else
        parts[group.x] = found[0];
#end
    }
}
