// The end of a step that samples a token, one workgroup: selects the token from the last row of logits, stores it as
// the token of the next step, and (with `embeds`) gathers its row of the vocabulary, so that the next step can follow
// in the same submit.
//
// Penalties come first, then the filters top-k, top-p and min-p. Of the remaining tokens the one with the greatest
// logit / temperature + g is selected, where g are independent numbers of the Gumbel distribution. This samples from
// the softmax (Gumbel 1954) and does not depend on a sum. g depends only on the seed, the position and the token.
//
// Usually few tokens remain, so the best are sorted; if these are too few, nucleus.wgsl finds the worst to keep.
#include step
#if embeds
#include decode/quads
#end

override WIDTH: u32;  // logits in a row
override STRIDE: u32; // of a row: WIDTH rounded up to a multiple of 4
#if embeds
override COLS: u32;   // values in a row of the table
override FACTOR: f32 = 1.0; // of these values
#end
#if halved
override REST: u32;         // first row of the table that is in `rest`
override REST_SCALES: u32;  // as SCALES, for that buffer
#end

const THREADS: u32 = 256u;
const_assert THREADS >= SORTED && THREADS >= RECENT;
const ROOM: u32 = 4u * THREADS; // for candidates of the best tokens

struct SamplingParams {
    temperature: f32, // 0: greedy
    floor: f32,       // ln(min_p)
    top_p: f32,
    top_k: u32,       // 0: all
    frequency: f32,
    presence: f32,
    repetition: f32,
    generated: u32,   // position of the first generated token
    seed: vec2<u32>,
    stops: u32,
    suppressions: u32,
    stop: array<vec4<u32>, STOPS / 4u>,
    suppress: array<vec4<u32>, SUPPRESSED / 4u>,
}

@group(0) @binding(0) var<storage, read_write> step: Step;
@group(0) @binding(1) var<uniform> sampling: SamplingParams;
@group(0) @binding(2) var<storage, read_write> logits: array<vec4<f32>>;   // [rows, STRIDE]
@group(0) @binding(3) var<storage, read_write> history: array<u32>;        // the token at each position
// of each token; zeros except during the penalties
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>;
#if embeds
@group(0) @binding(5) var<storage, read> weights: array<u32>;              // [vocabulary, COLS]
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;        // [1, COLS]
#include format
#end
#if halved
@group(0) @binding(7) var<storage, read> rest: array<u32>;                 // [vocabulary - REST, COLS]
#include second_format as rest
#end

// The position of the sampled token, the first quad of its logits, and whether the answer has ended.
struct Place {
    position: u32,
    row: u32,
    ended: u32,
}

var<workgroup> place: Place;
var<workgroup> list: array<Candidate, ROOM>;
var<workgroup> masses: array<f32, THREADS>;
var<workgroup> listed: atomic<u32>;
var<workgroup> length: u32;
var<workgroup> bound: Candidate; // the worst token to keep
var<workgroup> suffices: u32;
var<workgroup> chosen: u32;

#include sample/candidates
#include sample/penalties
#include sample/nucleus

// 32 random bits from four numbers (pcg4d: Jarzynski and Olano, Hash Functions for GPU Rendering, 2020).
fn random_bits(numbers: vec4<u32>) -> u32 {
    var v = numbers * 1664525u + 1013904223u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    v ^= v >> vec4<u32>(16u);
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v.x ^ (v.x >> 16u);
}

// The score of a token in the selection.
fn score(token: Candidate, best: f32, position: u32) -> Candidate {
    let bits = random_bits(vec4<u32>(sampling.seed, position, token.id));
    let u = (f32(bits) + 0.5) / 4294967296.0;
    // -ln(1 - u), with a series for small u.
    let exponential = select(-log(max(1.0 - u, 1e-10)), u * (1.0 + u * (0.5 + u / 3.0)), u < 0.01);
    return Candidate((token.value - best) / sampling.temperature - log(exponential), token.id);
}

// How many of the first `count` of the list are better than `own`.
fn rank(own: Candidate, count: u32) -> u32 {
    var rank = 0u;
    for (var i = 0u; i < count; i++) {
        rank += select(0u, 1u, better(list[i], own));
    }
    return rank;
}

// Lists the tokens of a quad that are not worse than a bound.
fn list_those(values: vec4<f32>, at: u32, worst: Candidate) {
    if (any(values >= vec4<f32>(worst.value))) {
        for (var lane = 0u; lane < 4u; lane++) {
            let token = Candidate(values[lane], at * 4u + lane);
            if (kept(token, worst)) {
                let to = atomicAdd(&listed, 1u);
                if (to < ROOM) {
                    list[to] = token;
                }
            }
        }
    }
}

// Sorts the best `keep` tokens into `found`; `own` is the best that this invocation reads. Returns their number.
fn sort(row: u32, keep: u32, own: Candidate, local: u32) -> u32 {
    // The bound: `keep` of the invocations' best tokens are not worse than it.
    workgroupBarrier();
    list[local] = own;
    if (local == 0u) {
        bound = NOTHING;
    }
    workgroupBarrier();
    if (own.id < WIDTH && rank(own, THREADS) == keep - 1u) {
        bound = own;
    }
    loop {
        if (local == 0u) {
            atomicStore(&listed, 0u);
        }
        let worst = workgroupUniformLoad(&bound);
        for (var at = local; at < QUADS; at += STRIDE_OF_READS) {
            let read = quads(row, at);
            list_those(read[0], at, worst);
            list_those(read[1], at + THREADS, worst);
            list_those(read[2], at + 2u * THREADS, worst);
            list_those(read[3], at + 3u * THREADS, worst);
        }
        workgroupBarrier();
        if (local == 0u) {
            length = atomicLoad(&listed);
        }
        if (workgroupUniformLoad(&length) <= ROOM) {
            break;
        }
        // They do not fit. Those that fit are more than `keep`, so they contain a better bound.
        for (var at = local; at < ROOM; at += THREADS) {
            if (rank(list[at], ROOM) == keep - 1u) {
                bound = list[at];
            }
        }
        workgroupBarrier();
    }
    let count = workgroupUniformLoad(&length);
    for (var at = local; at < count; at += THREADS) {
        let place = rank(list[at], count);
        if (place < keep) {
            found[place] = list[at];
        }
    }
    workgroupBarrier();
    return min(count, keep);
}

fn masses_of(values: vec4<f32>, best: f32) -> vec4<f32> {
    return select(vec4<f32>(0.0), exp(values - best), values > vec4<f32>(BEYOND));
}

// The sum of all tokens' exp(logit - best).
fn mass_of_all(row: u32, best: f32, local: u32) -> f32 {
    var sum = vec4<f32>(0.0);
    for (var at = local; at < QUADS; at += STRIDE_OF_READS) {
        let read = quads(row, at);
        sum += masses_of(read[0], best) + masses_of(read[1], best);
        sum += masses_of(read[2], best) + masses_of(read[3], best);
    }
    masses[local] = dot(sum, vec4<f32>(1.0));
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            masses[local] += masses[local + half];
        }
    }
    return workgroupUniformLoad(&masses[0]);
}

// The candidate of this invocation among the `count` sorted tokens. With top-p alone these may not suffice, given the
// `mass` of all tokens.
fn of_sorted(count: u32, mass: f32, position: u32, best: f32, local: u32) -> Candidate {
    let token = found[local];
    masses[local] = select(0.0, exp(token.value - best), local < count);
    workgroupBarrier();
    var before = 0.0;
    var total = 0.0;
    for (var i = 0u; i < count; i++) {
        before += select(0.0, masses[i], i < local);
        total += masses[i];
    }
    let wanted = sampling.top_p * select(mass, total, sampling.top_k > 0u);
    if (local == 0u) {
        suffices = select(0u, 1u, sampling.top_k > 0u || count < SORTED || total >= wanted);
    }
    let likely = local == 0u || sampling.top_p >= 1.0 || before < wanted;
    if (local < count && likely && token.value >= best + sampling.floor) {
        return score(token, best, position);
    }
    return NOTHING;
}

// The candidate of this invocation among the tokens that it reads.
fn of_all(row: u32, position: u32, best: f32, local: u32) -> Candidate {
    let worst = workgroupUniformLoad(&bound);
    var own = NOTHING;
    for (var at = local; at < QUADS; at += STRIDE_OF_READS) {
        var read = quads(row, at);
        for (var i = 0u; i < READS * 4u; i++) {
            let token = token_at(read[i / 4u], at, i / 4u, i % 4u);
            if (token.value >= best + sampling.floor && kept(token, worst)) {
                let token_score = score(token, best, position);
                if (better(token_score, own)) {
                    own = token_score;
                }
            }
        }
    }
    return own;
}

// Samples the token for a position from those that the filters keep. `own` as in `sort`, `best` of all.
fn drawn(row: u32, position: u32, own: Candidate, best: f32, local: u32) -> u32 {
    var mass = 0.0;
    if (sampling.top_p < 1.0 && (sampling.top_k == 0u || sampling.top_k > SORTED)) {
        mass = mass_of_all(row, best, local);
    }
    if (sampling.top_k <= SORTED && (sampling.top_k > 0u || sampling.top_p < 1.0)) {
        let keep = min(select(SORTED, sampling.top_k, sampling.top_k > 0u), WIDTH);
        let count = sort(row, keep, own, local);
        let competes = of_sorted(count, mass, position, best, local);
        if (workgroupUniformLoad(&suffices) == 1u) {
            return best_of_all(competes, local).id;
        }
    }
    workgroupBarrier();
    if (local == 0u) {
        bound = NOTHING;
    }
    if (sampling.top_k > SORTED) {
        lower_bound(row, best, f32(sampling.top_k), 0.0, local);
    }
    if (sampling.top_p < 1.0) {
        lower_bound(row, best, sampling.top_p, WHOLE / mass, local);
    }
    return best_of_all(of_all(row, position, best, local), local).id;
}

#if embeds
fn table_pair(row: u32, chunk: u32, pair: u32) -> array<vec4<f32>, 2> {
#if halved
    if (row >= REST) {
        return rest_pair(rest_chunk(row - REST, chunk), pair);
    }
#end
    return weights_pair(weights_chunk(row, chunk), pair);
}
#end

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) local: u32) {
    if (local == 0u) {
        place = Place(step.position + step.tokens, (step.logits - 1u) * QUADS, step.ended);
    }
    let now = workgroupUniformLoad(&place);
    if (now.ended != 0u) {
        return;
    }
    close_row(now.row, local);
    penalize(now.row, now.position, local);
    suppress(now.row, local);
    let own = best_of_own(now.row, local);
    let best = best_of_all(own, local);
    var token = best.id;
    if (sampling.temperature > 0.0) {
        token = drawn(now.row, now.position, own, best.value, local);
    }
    if (local == 0u) {
        // If all logits are NaN, there is no index.
        token = select(token, 0u, token >= WIDTH);
        chosen = token;
        history[now.position] = token;
        for (var i = 0u; i < sampling.stops; i++) {
            if (sampling.stop[i / 4u][i % 4u] == token) {
                step.ended = 1u;
            }
        }
        step.position = now.position;
        step.tokens = 1u;
        step.logits = 1u;
        step.half = 1u - step.half;
    }
#if embeds
    let row = workgroupUniformLoad(&chosen);
    let width = (COLS + 3u) / 4u;
    for (var pair = local; pair < (COLS + 31u) / 32u * 4u; pair += THREADS) {
        let values = table_pair(row, pair / 4u, pair % 4u);
        let first = pair / 4u * 8u + pair % 4u;
        if (first < width) {
            y[first] = values[0] * FACTOR;
        }
        if (first + 4u < width) {
            y[first + 4u] = values[1] * FACTOR;
        }
    }
#end
}
