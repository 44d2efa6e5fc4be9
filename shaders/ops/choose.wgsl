// The tail of a step that wants a token, one workgroup: chooses it from the logits of the last row, makes it the token of the
// step after this one, and (with `embeds`) gathers its row of the vocabulary, so that a submit may go on with that step.
//
// Penalties come first, then the filters top-k, top-p and min-p; of what they keep, the greatest logit / temperature + g is
// chosen, where g are independent numbers of the Gumbel distribution: that draws from the softmax (Gumbel 1954), and no sum
// over the vocabulary is needed. The numbers depend on nothing but the seed, the position and the token.
#include step
#if embeds
#include quads
#end

override WIDTH: u32;  // logits in a row
override STRIDE: u32; // of a row: WIDTH rounded up to a multiple of 4
#if embeds
override COLS: u32;   // values in a row of the table
override FACTOR: f32 = 1.0; // what they are multiplied with
#end

const THREADS: u32 = 256u;
const_assert THREADS >= MOST_KEPT && THREADS >= RECENT;
const ROOM: u32 = 4u * THREADS; // for what may be among the greatest `top_k`

struct Draw {
    temperature: f32, // 0: the greatest logit
    floor: f32,       // ln(min_p)
    top_p: f32,
    top_k: u32,       // at most MOST_KEPT; 0: all, for which top_p is 1
    frequency: f32,
    presence: f32,
    repetition: f32,
    generated: u32,   // position of the first generated token
    seed: vec2<u32>,
    stops: u32,
    stop: array<vec4<u32>, STOPS / 4u>,
}

struct Candidate {
    value: f32,
    id: u32,
}

@group(0) @binding(0) var<storage, read_write> step: Step;
@group(0) @binding(1) var<uniform> draw: Draw;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;         // [rows, STRIDE]
@group(0) @binding(3) var<storage, read_write> history: array<u32>;        // the token at each position
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>; // of each token; zeros outside of `penalize`
#if embeds
@group(0) @binding(5) var<storage, read> weights: array<u32>;              // [vocabulary, COLS]
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;        // [1, COLS]
#include format
#end

// Where the chosen token will stand, the first of its logits, and whether there is one to choose.
struct Place {
    position: u32,
    row: u32,
    ended: u32,
}

const NOTHING = Candidate(-3.4e38, 0xffffffffu);

var<workgroup> place: Place;
var<workgroup> found: array<Candidate, THREADS>;
var<workgroup> list: array<Candidate, ROOM>;
var<workgroup> masses: array<f32, THREADS>;
var<workgroup> listed: atomic<u32>;
var<workgroup> length: u32;
var<workgroup> bound: Candidate;
var<workgroup> chosen: u32;

fn better(a: Candidate, b: Candidate) -> bool {
    return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// The best of what all invocations have.
fn best_of_all(own: Candidate, local: u32) -> Candidate {
    workgroupBarrier();
    found[local] = own;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half && better(found[local + half], found[local])) {
            found[local] = found[local + half];
        }
    }
    workgroupBarrier();
    return found[0];
}

// Lowers the logits of what was said before `end`.
fn penalize(row: u32, end: u32, local: u32) {
    if (draw.repetition != 1.0) {
        let first = end - min(end, RECENT);
        if (local < end - first) {
            let token = history[first + local];
            var again = token >= WIDTH;
            for (var i = 0u; i < local; i++) {
                again = again || history[first + i] == token;
            }
            if (!again) {
                let logit = logits[row + token];
                logits[row + token] = select(logit * draw.repetition, logit / draw.repetition, logit > 0.0);
            }
        }
        storageBarrier();
    }
    if (draw.presence != 0.0 || draw.frequency != 0.0) {
        for (var at = draw.generated + local; at < end; at += THREADS) {
            atomicAdd(&counts[min(history[at], WIDTH - 1u)], 1u);
        }
        storageBarrier();
        for (var at = draw.generated + local; at < end; at += THREADS) {
            let token = min(history[at], WIDTH - 1u);
            // One of those that meet a token takes its count.
            let count = atomicExchange(&counts[token], 0u);
            if (count > 0u) {
                logits[row + token] -= draw.presence + draw.frequency * f32(count);
            }
        }
        storageBarrier();
    }
}

// 32 random bits of four numbers (pcg4d: Jarzynski and Olano, Hash Functions for GPU Rendering, 2020).
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

// What a token competes with for its place.
fn score(token: Candidate, best: f32, position: u32) -> Candidate {
    let bits = random_bits(vec4<u32>(draw.seed, position, token.id));
    let u = (f32(bits) + 0.5) / 4294967296.0;
    // -ln(1 - u), where u may be small.
    let exponential = select(-log(max(1.0 - u, 1e-10)), u * (1.0 + u * (0.5 + u / 3.0)), u < 0.01);
    return Candidate((token.value - best) / draw.temperature - log(exponential), token.id);
}

// How many of the first `count` of the list are better than one.
fn rank(own: Candidate, count: u32) -> u32 {
    var rank = 0u;
    for (var i = 0u; i < count; i++) {
        rank += select(0u, 1u, better(list[i], own));
    }
    return rank;
}

// Sorts the greatest `keep` logits into `found`; `own` is the greatest of those that this invocation looks at. Returns how
// many there are.
fn sort(row: u32, keep: u32, own: Candidate, local: u32) -> u32 {
    // There are `keep` logits no worse than this one among the invocations' greatest.
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
        workgroupBarrier();
        let worst = bound;
        for (var i = local; i < WIDTH; i += THREADS) {
            let candidate = Candidate(logits[row + i], i);
            if (better(candidate, worst) || i == worst.id) {
                let at = atomicAdd(&listed, 1u);
                if (at < ROOM) {
                    list[at] = candidate;
                }
            }
        }
        workgroupBarrier();
        if (local == 0u) {
            length = atomicLoad(&listed);
        }
        if (workgroupUniformLoad(&length) <= ROOM) {
            break;
        }
        // They do not fit. Those that do have a better bound among them, since there are more of them than are kept.
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

// The token for a position, drawn from what the filters keep. `own` as in `sort`, `best` of all.
fn drawn(row: u32, position: u32, own: Candidate, best: f32, local: u32) -> u32 {
    var winner = NOTHING;
    if (draw.top_k == 0u) {
        for (var i = local; i < WIDTH; i += THREADS) {
            let candidate = Candidate(logits[row + i], i);
            if (candidate.value >= best + draw.floor) {
                let own_score = score(candidate, best, position);
                if (better(own_score, winner)) {
                    winner = own_score;
                }
            }
        }
    } else {
        let count = sort(row, min(draw.top_k, WIDTH), own, local);
        let candidate = found[local];
        masses[local] = select(0.0, exp(candidate.value - best), local < count);
        workgroupBarrier();
        var before = 0.0;
        var total = 0.0;
        for (var i = 0u; i < count; i++) {
            before += select(0.0, masses[i], i < local);
            total += masses[i];
        }
        let kept = local == 0u || draw.top_p >= 1.0 || before < draw.top_p * total;
        if (local < count && kept && candidate.value >= best + draw.floor) {
            winner = score(candidate, best, position);
        }
    }
    return best_of_all(winner, local).id;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) local: u32) {
    if (local == 0u) {
        place = Place(step.position + step.tokens, (step.logits - 1u) * STRIDE, step.ended);
    }
    let now = workgroupUniformLoad(&place);
    if (now.ended != 0u) {
        return;
    }
    penalize(now.row, now.position, local);
    var own = NOTHING;
    for (var i = local; i < WIDTH; i += THREADS) {
        let candidate = Candidate(logits[now.row + i], i);
        if (better(candidate, own)) {
            own = candidate;
        }
    }
    let best = best_of_all(own, local);
    var token = best.id;
    if (draw.temperature > 0.0) {
        token = drawn(now.row, now.position, own, best.value, local);
    }
    if (local == 0u) {
        // Without any number among the logits there is no index.
        token = select(token, 0u, token >= WIDTH);
        chosen = token;
        history[now.position] = token;
        for (var i = 0u; i < draw.stops; i++) {
            if (draw.stop[i / 4u][i % 4u] == token) {
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
    let quads = (COLS + 3u) / 4u;
    for (var pair = local; pair < (COLS + 31u) / 32u * 4u; pair += THREADS) {
        let values = weights_pair(weights_chunk(row, pair / 4u), pair % 4u);
        let first = pair / 4u * 8u + pair % 4u;
        if (first < quads) {
            y[first] = values[0] * FACTOR;
        }
        if (first + 4u < quads) {
            y[first + 4u] = values[1] * FACTOR;
        }
    }
#end
}
