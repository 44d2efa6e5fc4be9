// Causal attention over the KV cache with an online softmax (Dao et al., FlashAttention, 2022), so that no matrix of
// scores is stored.
//
// A workgroup serves QUERIES queries that read the same key/value head: the heads of its group, of neighbouring tokens.
// It walks the positions in tiles of one position per invocation: each invocation computes the scores of its position
// for all queries, then all find the greatest score of the tile, then slices of invocations sum the weighted values,
// each invocation one quad of the head.
//
// If `fused`, for one token, it reads the row of queries, keys and values from the projections: it normalizes and
// rotates its own heads, and the first workgroup of a key/value head stores key and value.
//
// If `split`, SPLITS workgroups share the positions; attention_merge.wgsl merges their results.
#include step
#include attention/ring
#include attention/scores

override QUERY_QUADS: u32 = QUERIES * QUADS;
const THREADS: u32 = 128u;
const TILE: u32 = THREADS;
const PARTS: u32 = 8u;            // of a tile, in the search for its greatest score

@group(0) @binding(0) var<uniform> step: Step;
#if fused
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;    // [HEADS + 2 * KV_HEADS, HEAD_DIM]
#else
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;      // [tokens, HEADS, HEAD_DIM]
#end
#include attention/cache
@group(0) @binding(4) var<storage, read> sinks: array<f32>;        // [HEADS]
#if split
override SPLITS: u32;
// [HEADS, SPLITS, 1 + QUADS]: greatest score, sum of weights; weighted values
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;
#else
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>; // [tokens, HEADS, HEAD_DIM]
#end
var<workgroup> queries: array<vec4<f32>, QUERY_QUADS>;
var<workgroup> weights: array<f32, QUERIES * TILE>; // scores, then weights, then the sums of the slices
var<workgroup> peaks: array<f32, QUERIES * PARTS>;
var<workgroup> merged: array<vec4<f32>, THREADS>;

#if fused
@group(0) @binding(6) var<storage, read> table: array<vec2<f32>>;  // [256 + high, PAIRS] of (cos, sin)
@group(0) @binding(7) var<storage, read> gains: array<vec4<f32>>;  // [3, QUADS]: of queries, keys, values
#include attention/rotate
#include attention/pack

var<workgroup> own_value: array<vec4<f32>, QUADS>;
var<workgroup> squares: array<f32, (QUERIES + 2u) * PARTS>; // of queries, key, value

// Prepares the queries from `first` on, and the key (in `merged`) and value of the token itself, rounded as in the
// cache. With `stores`, writes them to the cache.
fn prepare(kv_head: u32, first: u32, last: u32, stores: bool, local: u32) {
    let share = HEADS / KV_HEADS;
    let key = (HEADS + kv_head) * QUADS;
    let value = key + KV_HEADS * QUADS;
    if (QUERY_NORM || KEY_NORM || VALUE_NORM) {
        if (local < (QUERIES + 2u) * PARTS) {
            let i = local / PARTS;
            var head = (kv_head * share + min(first + i, last)) * QUADS;
            if (i >= QUERIES) {
                head = select(value, key, i == QUERIES);
            }
            var sum = 0.0;
            for (var d = local % PARTS; d < QUADS; d += PARTS) {
                sum += dot(qkv[head + d], qkv[head + d]);
            }
            squares[local] = sum;
        }
        workgroupBarrier();
    }
    for (var at = local; at < (QUERIES + 2u) * QUADS; at += THREADS) {
        let i = at / QUADS;
        let d = at % QUADS;
        var scale = 1.0;
        if (QUERY_NORM || KEY_NORM || VALUE_NORM) {
            var sum = 0.0;
            for (var part = 0u; part < PARTS; part++) {
                sum += squares[i * PARTS + part];
            }
            scale = norm_scale(sum);
        }
        if (i == QUERIES) {
            merged[d] = rotated(key, d, QUADS, scale, KEY_NORM, step.position);
        } else if (i > QUERIES) {
            own_value[d] = normed(value, d, 2u * QUADS, scale, VALUE_NORM);
        } else {
            let head = (kv_head * share + min(first + i, last)) * QUADS;
            let query = rotated(head, d, 0u, scale, QUERY_NORM, step.position);
            queries[at] = query * scale_at(step.position);
        }
    }
    workgroupBarrier();
    let row = place(step.position) * KV_HEADS + kv_head;
#if cache_q8_0
    if (local < BLOCKS) {
        let end = min(local * 8u + 8u, QUADS);
        var greatest = vec2<f32>(0.0); // of the key and of the value
        for (var d = local * 8u; d < end; d++) {
            greatest = max(greatest, vec2<f32>(greatest_of(merged[d]), greatest_of(own_value[d])));
        }
        let key_scale = scale_of(greatest.x);
        let value_scale = scale_of(greatest.y);
        let to = row * (QUADS + BLOCKS);
        for (var d = local * 8u; d < end; d++) {
            let key_codes = pack(merged[d], key_scale);
            let value_codes = pack(own_value[d], value_scale);
            merged[d] = codes(key_codes) * stored(key_scale);
            own_value[d] = codes(value_codes) * stored(value_scale);
            if (stores) {
                keys[to + d] = key_codes;
                values[to + d] = value_codes;
            }
        }
        if (stores) {
            keys[to + QUADS + local] = bitcast<u32>(stored(key_scale));
            values[to + QUADS + local] = bitcast<u32>(stored(value_scale));
        }
    }
#else
    if (local < QUADS) {
        let key_packed = pack(merged[local]);
        let value_packed = pack(own_value[local]);
        if (stores) {
            keys[row * QUADS + local] = key_packed;
            values[row * QUADS + local] = value_packed;
        }
#if cache_f16
        merged[local] = unpack(key_packed);
        own_value[local] = unpack(value_packed);
#end
    }
#end
    workgroupBarrier();
}
#end

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    if (step.ended != 0u) {
        return; // as ended.wgsl
    }
    let share = HEADS / KV_HEADS; // query heads per key/value head
#if split
    let kv_head = group.x / SPLITS;
    let split = group.x % SPLITS;
#else
    let kv_head = group.x;
    let split = 0u;
#end
    let first = group.y * QUERIES;
    let last = step.tokens * share - 1u;
#if fused
    var end = step.position;
#else
    var end = step.position + min(first + QUERIES - 1u, last) / share + 1u;
#end
    // No query attends to positions before those of the first query. Each attends to a part of the first tile, which is
    // longer than the distance of the queries' positions.
    var begin = oldest_seen(step.position + first / share);
#if split
    let tiles = (end - begin + TILE - 1u) / TILE;
    begin += split * ((tiles + SPLITS - 1u) / SPLITS) * TILE;
    if (split > 0u && begin >= end) {
        for (var i = 0u; i < QUERIES && first + i <= last; i++) {
            let to = ((kv_head * share + first + i) * SPLITS + split) * (1u + QUADS);
            for (var at = local; at <= QUADS; at += THREADS) {
                y[to + at] = select(vec4<f32>(0.0), vec4<f32>(LOWEST, 0.0, 0.0, 0.0), at == 0u);
            }
        }
        return;
    }
    end = min(end, begin + ((tiles + SPLITS - 1u) / SPLITS) * TILE);
#end
#if fused
    prepare(kv_head, first, last, group.y == 0u && split == 0u, local);
    // The score of the token's own key; its value is added by the first slice.
    if (local < QUERIES) {
        var score = 0.0;
        for (var d = 0u; d < QUADS; d++) {
            score += dot(queries[local * QUADS + d], merged[d]);
        }
        peaks[local] = capped(score);
    }
#else
    for (var i = local; i < QUERY_QUADS; i += THREADS) {
        let query = min(first + i / QUADS, last);
        let head = (query / share) * HEADS + kv_head * share + query % share;
        queries[i] = q[head * QUADS + i % QUADS] * scale_at(step.position + query / share);
    }
#end
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
        output[i] = vec4<f32>(0.0);
        // Only the first workgroup adds the sink and the token's own value.
        if (split > 0u) {
            continue;
        }
        if (SINKS) {
            // The sums of the slices are added up in the end, so only one slice has the weight of the sink.
            peak[i] = sinks[kv_head * share + min(first + i, last) % share];
            sum[i] = select(0.0, 1.0, slice == 0u);
        }
#if fused
        let greatest = max(peak[i], peaks[i]);
        let weight = exp(peaks[i] - greatest);
        if (slice == 0u) {
            sum[i] = sum[i] * exp(peak[i] - greatest) + weight;
            output[i] = weight * own_value[quad];
        }
        peak[i] = greatest;
#end
    }
#if fused
    workgroupBarrier(); // all have read the scores
#end
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
            score[i] = select(LOWEST, capped(score[i]), position < end && seen(position, own));
            weights[i * TILE + local] = score[i];
        }
        workgroupBarrier();
        if (local < QUERIES * PARTS) {
            let own = local * (TILE / PARTS);
            var greatest = weights[own];
            for (var i = 1u; i < TILE / PARTS; i++) {
                greatest = max(greatest, weights[own + i]);
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
#if split
            let to = ((kv_head * share + query) * SPLITS + split) * (1u + QUADS);
            y[to + 1u + quad] = value;
            if (quad == 0u) {
                y[to] = vec4<f32>(peak[i], total, 0.0, 0.0);
            }
#else
            let head = (query / share) * HEADS + kv_head * share + query % share;
            y[head * QUADS + quad] = value / total;
#end
        }
        workgroupBarrier();
    }
}
