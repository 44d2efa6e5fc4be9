#requires THREADS, STRIDE, WIDTH, logits
// Candidates of sample.wgsl: tokens ordered by their logits, the lower id first among equals. Logits are read in quads,
// several per invocation at once, because a single workgroup has no other work to hide the latency.

struct Candidate {
    value: f32,
    id: u32,
}

const BEYOND: f32 = -3.4e38;                         // fills the end of a row
const NOTHING = Candidate(-3.3e38, 0xffffffffu);     // worse than any token
const LANES = vec4<u32>(0u, 1u, 2u, 3u);
const READS: u32 = 4u;                               // of an invocation at once
const STRIDE_OF_READS: u32 = READS * THREADS;

override QUADS: u32 = STRIDE / 4u;

var<workgroup> found: array<Candidate, THREADS>;

fn better(a: Candidate, b: Candidate) -> bool {
    return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// Whether a token is not worse than the worst one that is kept; false for NaN.
fn kept(token: Candidate, worst: Candidate) -> bool {
    return better(token, worst) || token.id == worst.id;
}

// Makes the padding at the end of a row worse than any token. Must run before all reads.
fn close_row(row: u32, local: u32) {
    if (local == 0u) {
        let end = row + QUADS - 1u;
        logits[end] = select(vec4<f32>(BEYOND), logits[end], (QUADS - 1u) * 4u + LANES < vec4<u32>(WIDTH));
    }
    storageBarrier();
}

// A quad of a row of logits.
fn quad(row: u32, at: u32) -> vec4<f32> {
    return select(vec4<f32>(BEYOND), logits[row + min(at, QUADS - 1u)], at < QUADS);
}

// The quads at `at`, `at + THREADS`, ...
fn quads(row: u32, at: u32) -> array<vec4<f32>, READS> {
    return array<vec4<f32>, READS>(
        quad(row, at),
        quad(row, at + THREADS),
        quad(row, at + 2u * THREADS),
        quad(row, at + 3u * THREADS),
    );
}

// The token of a lane of the quad of read `read`.
fn token_at(values: vec4<f32>, at: u32, read: u32, lane: u32) -> Candidate {
    return Candidate(values[lane], (at + read * THREADS) * 4u + lane);
}

// The best tokens of four columns: their logits and quads.
struct Best {
    values: vec4<f32>,
    places: vec4<u32>,
}

fn better_of(best: Best, values: vec4<f32>, place: u32) -> Best {
    let above = values > best.values;
    return Best(select(best.values, values, above), select(best.places, vec4<u32>(place), above));
}

// The best of the tokens that an invocation reads. (Unrolled by hand, because not all compilers unroll short loops.)
fn best_of_own(row: u32, local: u32) -> Candidate {
    var best = Best(vec4<f32>(NOTHING.value), vec4<u32>(NOTHING.id));
    for (var at = local; at < QUADS; at += STRIDE_OF_READS) {
        let read = quads(row, at);
        best = better_of(best, read[0], at);
        best = better_of(best, read[1], at + THREADS);
        best = better_of(best, read[2], at + 2u * THREADS);
        best = better_of(best, read[3], at + 3u * THREADS);
    }
    var own = NOTHING;
    for (var lane = 0u; lane < 4u; lane++) {
        let token = Candidate(best.values[lane], best.places[lane] * 4u + lane);
        if (better(token, own)) {
            own = token;
        }
    }
    return own;
}

// The best candidate of all invocations.
fn best_of_all(own: Candidate, local: u32) -> Candidate {
    workgroupBarrier();
    found[local] = own;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half && better(found[local + half], found[local])) {
            found[local] = found[local + half];
        }
    }
    return workgroupUniformLoad(&found[0]);
}
