// The USED experts with the greatest scores of each row of logits, greatest first, the lowest index first among equals,
// and their weights. One workgroup per row finds the greatest of the remaining scores USED times.

override EXPERTS: u32;
override USED: u32;
override STRIDE: u32;    // of a row of ids and weights in memory
override X_STRIDE: u32;  // of a row of logits in memory
override GATING: u32;    // 0: softmax of all, 1: sigmoid, 2: softmax of the selected
override BIAS: bool;
override NORMALIZE: bool;
override FACTOR: f32;

@group(0) @binding(0) var<storage, read> logits: array<f32>;        // [rows, EXPERTS]
@group(0) @binding(1) var<storage, read> bias: array<f32>;          // [EXPERTS]
@group(0) @binding(2) var<storage, read_write> ids: array<f32>;     // [rows, USED], whole numbers
@group(0) @binding(3) var<storage, read_write> weights: array<f32>; // [rows, USED]

const LOWEST: f32 = -3.4e38;

struct Candidate {
    rank: f32,
    index: u32,
}

var<workgroup> scores: array<f32, EXPERTS>;
var<workgroup> ranks: array<f32, EXPERTS>; // scores with bias; LOWEST after selection
var<workgroup> found: array<Candidate, THREADS>;
var<workgroup> numbers: array<f32, THREADS>;
var<workgroup> chosen: array<f32, USED>;

fn better(a: Candidate, b: Candidate) -> bool {
    return a.rank > b.rank || (a.rank == b.rank && a.index < b.index);
}

// The greatest of all values, or with `summing` their sum, for every invocation.
fn reduce(local: u32, value: f32, summing: bool) -> f32 {
    workgroupBarrier();
    numbers[local] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            let other = numbers[local + half];
            numbers[local] = select(max(numbers[local], other), numbers[local] + other, summing);
        }
    }
    workgroupBarrier();
    return numbers[0];
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = group.y * X_STRIDE;
    var peak = 0.0;
    var total = 1.0;
    if (GATING == 0u) {
        var own = LOWEST;
        for (var e = local; e < EXPERTS; e += THREADS) {
            own = max(own, logits[row + e]);
        }
        peak = reduce(local, own, false);
        own = 0.0;
        for (var e = local; e < EXPERTS; e += THREADS) {
            own += exp(logits[row + e] - peak);
        }
        total = reduce(local, own, true);
    }
    for (var e = local; e < EXPERTS; e += THREADS) {
        var score = logits[row + e];
        if (GATING == 0u) {
            score = exp(score - peak) / total;
        } else if (GATING == 1u) {
            score = 1.0 / (1.0 + exp(-score));
        }
        scores[e] = score;
        if (BIAS) {
            score += bias[e];
        }
        ranks[e] = score;
    }
    for (var slot = 0u; slot < USED; slot++) {
        workgroupBarrier();
        var best = Candidate(LOWEST, 0xffffffffu);
        for (var e = local; e < EXPERTS; e += THREADS) {
            let candidate = Candidate(ranks[e], e);
            if (better(candidate, best)) {
                best = candidate;
            }
        }
        found[local] = best;
        for (var half = THREADS / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (local < half && better(found[local + half], found[local])) {
                found[local] = found[local + half];
            }
        }
        if (local == 0u) {
            // If all are NaN, no index was found: the last one is taken.
            let index = min(found[0].index, EXPERTS - 1u);
            ids[group.y * STRIDE + slot] = f32(index);
            chosen[slot] = scores[index];
            ranks[index] = LOWEST;
        }
    }
    if (local == 0u) {
        if (GATING == 2u) {
            // With a bias the first may not be the greatest.
            var greatest = chosen[0];
            for (var slot = 1u; slot < USED; slot++) {
                greatest = max(greatest, chosen[slot]);
            }
            var sum = 0.0;
            for (var slot = 0u; slot < USED; slot++) {
                chosen[slot] = exp(chosen[slot] - greatest);
                sum += chosen[slot];
            }
            for (var slot = 0u; slot < USED; slot++) {
                chosen[slot] /= sum;
            }
        }
        var sum = 0.0;
        for (var slot = 0u; slot < USED; slot++) {
            sum += chosen[slot];
        }
        let factor = select(FACTOR, FACTOR / max(sum, 0.00006103515625), NORMALIZE);
        for (var slot = 0u; slot < USED; slot++) {
            weights[group.y * STRIDE + slot] = chosen[slot] * factor;
        }
    }
}
