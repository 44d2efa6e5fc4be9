// Causal attention over the KV cache with an online softmax (Dao et al., FlashAttention, 2022), so that no matrix of
// scores is stored.
//
// A workgroup serves QUERIES queries that read the same key/value head: the heads of its group, of neighbouring tokens.
// It walks the positions in tiles of one position per invocation: scores of its position for all queries; the greatest
// of the tile; then invocations divide into slices that add up the weighted values, one quad of the head each.
#include step
#include ring
#include scores

override QUERY_QUADS: u32 = QUERIES * QUADS;
const THREADS: u32 = 128u;
const TILE: u32 = THREADS;
const PARTS: u32 = 8u;            // in which the greatest score of a tile is sought

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;      // [tokens, HEADS, HEAD_DIM]
#include cache
@group(0) @binding(4) var<storage, read> sinks: array<f32>;        // [HEADS]
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

var<workgroup> queries: array<vec4<f32>, QUERY_QUADS>;
var<workgroup> weights: array<f32, QUERIES * TILE>; // scores, then weights, then the sums of the slices
var<workgroup> peaks: array<f32, QUERIES * PARTS>;
var<workgroup> merged: array<vec4<f32>, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let share = HEADS / KV_HEADS; // query heads per key/value head
    let kv_head = group.x;
    let first = group.y * QUERIES;
    let last = step.tokens * share - 1u;
    for (var i = local; i < QUERY_QUADS; i += THREADS) {
        let query = min(first + i / QUADS, last);
        let head = (query / share) * HEADS + kv_head * share + query % share;
        queries[i] = q[head * QUADS + i % QUADS] * scale_at(step.position + query / share);
    }
    workgroupBarrier();

    let slices = THREADS / QUADS;
    let slice = local / QUADS;
    let quad = local % QUADS;
    var peak: array<f32, QUERIES>;
    var sum: array<f32, QUERIES>;
    var output: array<vec4<f32>, QUERIES>;
    for (var i = 0u; i < QUERIES; i++) {
        peak[i] = LOWEST;
        sum[i] = 0.0;
        if (SINKS) {
            // The slices' sums are added up in the end, so one of them has the sink's.
            peak[i] = sinks[kv_head * share + min(first + i, last) % share];
            sum[i] = select(0.0, 1.0, slice == 0u);
        }
        output[i] = vec4<f32>(0.0);
    }

    let end = step.position + min(first + QUERIES - 1u, last) / share + 1u;
    // What the first query does not see, none does. Each sees something of the first tile, which is longer than the
    // queries' positions are apart.
    let begin = oldest_seen(step.position + first / share);
    for (var tile = begin; tile < end; tile += TILE) {
        let position = tile + local;
        var score: array<f32, QUERIES>;
        for (var i = 0u; i < QUERIES; i++) {
            score[i] = 0.0;
        }
        if (position < end) {
            let row = place(position) * KV_HEADS + kv_head;
            for (var d = 0u; d < QUADS; d++) {
                let k = key_quad(row, d);
                for (var i = 0u; i < QUERIES; i++) {
                    score[i] += dot(queries[i * QUADS + d], k);
                }
            }
        }
        for (var i = 0u; i < QUERIES; i++) {
            let own = step.position + min(first + i, last) / share;
            score[i] = select(LOWEST, capped(score[i]), seen(position, own));
            weights[i * TILE + local] = score[i];
        }
        workgroupBarrier();
        if (local < QUERIES * PARTS) {
            let begin = local * (TILE / PARTS);
            var greatest = weights[begin];
            for (var i = 1u; i < TILE / PARTS; i++) {
                greatest = max(greatest, weights[begin + i]);
            }
            peaks[local] = greatest;
        }
        workgroupBarrier();
        for (var i = 0u; i < QUERIES; i++) {
            var greatest = peak[i];
            for (var part = 0u; part < PARTS; part++) {
                greatest = max(greatest, peaks[i * PARTS + part]);
            }
            let correction = exp(peak[i] - greatest);
            peak[i] = greatest;
            sum[i] *= correction;
            output[i] *= correction;
            weights[i * TILE + local] = exp(score[i] - greatest);
        }
        workgroupBarrier();
        if (slice < slices) {
            for (var t = slice; t < min(TILE, end - tile); t += slices) {
                let v = value_quad(place(tile + t) * KV_HEADS + kv_head, quad);
                for (var i = 0u; i < QUERIES; i++) {
                    let weight = weights[i * TILE + t];
                    sum[i] += weight;
                    output[i] += weight * v;
                }
            }
        }
        workgroupBarrier();
    }

    if (quad == 0u && slice < slices) {
        for (var i = 0u; i < QUERIES; i++) {
            weights[i * TILE + slice] = sum[i];
        }
    }
    for (var i = 0u; i < QUERIES; i++) {
        merged[local] = output[i];
        workgroupBarrier();
        let query = first + i;
        if (slice == 0u && query <= last) {
            var value = vec4<f32>(0.0);
            var total = 0.0;
            for (var s = 0u; s < slices; s++) {
                value += merged[s * QUADS + quad];
                total += weights[i * TILE + s];
            }
            let head = (query / share) * HEADS + kv_head * share + query % share;
            y[head * QUADS + quad] = value / total;
        }
        workgroupBarrier();
    }
}
