// As attention.wgsl, for software adapters, on which every memory access of every lane costs time.
//
// A workgroup is eight lanes. In each tile of eight positions a lane computes the scores of one position for all
// queries, then sums the weighted values of every eighth quad of the head. Lanes broadcast the values that they hold.
//
// If `fused`, for one token, it reads the row of queries, keys and values, as attention.wgsl does.
#include step
#include attention/ring
#include attention/scores

override OCTETS: u32 = (QUADS + 7u) / 8u; // at most SLOTS

@group(0) @binding(0) var<uniform> step: Step;
#if fused
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;    // [HEADS + 2 * KV_HEADS, HEAD_DIM]
#else
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;      // [tokens, HEADS, HEAD_DIM]
#end
#include attention/cache
@group(0) @binding(4) var<storage, read> sinks: array<f32>;        // [HEADS]
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;
#if fused
@group(0) @binding(6) var<storage, read> table: array<vec2<f32>>;  // [256 + high, PAIRS] of (cos, sin)
@group(0) @binding(7) var<storage, read> gains: array<vec4<f32>>;  // [3, QUADS]: of queries, keys, values
#include attention/rotate
#include attention/pack

// The factor of a head's norm, from the squares of eight lanes.
fn head_scale(head: u32, lane: u32, norm: bool) -> f32 {
    if (!norm) {
        return 1.0;
    }
    var sum = 0.0;
    for (var slot = 0u; slot < OCTETS; slot++) {
        let value = qkv[head + min(slot * 8u + lane, QUADS - 1u)];
        sum += select(0.0, dot(value, value), slot * 8u + lane < QUADS);
    }
    return norm_scale(subgroupAdd(sum));
}
#end

// The dot product of eight quads of a query, one of each lane, with those of a key.
fn product(query: vec4<f32>, k: array<vec4<f32>, 8>) -> f32 {
    return dot(subgroupBroadcast(query, 0u), k[0]) + dot(subgroupBroadcast(query, 1u), k[1])
        + dot(subgroupBroadcast(query, 2u), k[2]) + dot(subgroupBroadcast(query, 3u), k[3])
        + dot(subgroupBroadcast(query, 4u), k[4]) + dot(subgroupBroadcast(query, 5u), k[5])
        + dot(subgroupBroadcast(query, 6u), k[6]) + dot(subgroupBroadcast(query, 7u), k[7]);
}

// The sum of eight values, times a weight of each lane.
fn weighted(weight: f32, v: array<vec4<f32>, 8>) -> vec4<f32> {
    return subgroupBroadcast(weight, 0u) * v[0] + subgroupBroadcast(weight, 1u) * v[1]
        + subgroupBroadcast(weight, 2u) * v[2] + subgroupBroadcast(weight, 3u) * v[3]
        + subgroupBroadcast(weight, 4u) * v[4] + subgroupBroadcast(weight, 5u) * v[5]
        + subgroupBroadcast(weight, 6u) * v[6] + subgroupBroadcast(weight, 7u) * v[7];
}

// Eight quads of a key from `first` on. Those beyond its end are multiplied with zeros of the query.
fn key_quads(row: u32, first: u32) -> array<vec4<f32>, 8> {
    let last = QUADS - 1u;
    return array<vec4<f32>, 8>(
        key_quad(row, min(first, last)),
        key_quad(row, min(first + 1u, last)),
        key_quad(row, min(first + 2u, last)),
        key_quad(row, min(first + 3u, last)),
        key_quad(row, min(first + 4u, last)),
        key_quad(row, min(first + 5u, last)),
        key_quad(row, min(first + 6u, last)),
        key_quad(row, min(first + 7u, last)),
    );
}

// One quad of the values at eight positions; those beyond the last one have the weight 0.
fn value_quads(kv_head: u32, position: u32, last: u32, quad: u32) -> array<vec4<f32>, 8> {
    let at = min(quad, QUADS - 1u);
    return array<vec4<f32>, 8>(
        value_quad(place(min(position, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 1u, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 2u, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 3u, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 4u, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 5u, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 6u, last)) * KV_HEADS + kv_head, at),
        value_quad(place(min(position + 7u, last)) * KV_HEADS + kv_head, at),
    );
}

@compute @workgroup_size(8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
    if (step.ended != 0u) {
        return; // as ended.wgsl
    }
    let share = HEADS / KV_HEADS; // query heads per key/value head
    let kv_head = group.x;
    let first = group.y * QUERIES;
    let count = min(step.tokens * share - first, QUERIES);
    var queries: array<vec4<f32>, QUERIES * SLOTS>;
    var output: array<vec4<f32>, QUERIES * SLOTS>;
    var peak: array<f32, QUERIES>;
    var sum: array<f32, QUERIES>; // of this lane
#if fused
    var own_key: array<vec4<f32>, SLOTS>;
    var own_value: array<vec4<f32>, SLOTS>;
    let key = (HEADS + kv_head) * QUADS;
    let value = key + KV_HEADS * QUADS;
    let key_scale = head_scale(key, lane, KEY_NORM);
    let value_scale = head_scale(value, lane, VALUE_NORM);
    let own_row = place(step.position) * KV_HEADS + kv_head;
    for (var slot = 0u; slot < OCTETS; slot++) {
        let quad = slot * 8u + lane;
        let inside = quad < QUADS;
        let at = min(quad, QUADS - 1u);
        let k = select(vec4<f32>(0.0), rotated(key, at, QUADS, key_scale, KEY_NORM, step.position), inside);
        let v = select(vec4<f32>(0.0), normed(value, at, 2u * QUADS, value_scale, VALUE_NORM), inside);
        let stores = inside && first == 0u;
#if cache_q8_0
        let k_scale = scale_of(subgroupMax(greatest_of(k)));
        let v_scale = scale_of(subgroupMax(greatest_of(v)));
        let k_packed = pack(k, k_scale);
        let v_packed = pack(v, v_scale);
        own_key[slot] = codes(k_packed) * stored(k_scale);
        own_value[slot] = codes(v_packed) * stored(v_scale);
        let to = own_row * (QUADS + BLOCKS);
        if (stores) {
            keys[to + quad] = k_packed;
            values[to + quad] = v_packed;
        }
        if (stores && lane == 0u) {
            keys[to + QUADS + slot] = bitcast<u32>(stored(k_scale));
            values[to + QUADS + slot] = bitcast<u32>(stored(v_scale));
        }
#else
        let k_packed = pack(k);
        let v_packed = pack(v);
        if (stores) {
            keys[own_row * QUADS + quad] = k_packed;
            values[own_row * QUADS + quad] = v_packed;
        }
#if cache_f16
        own_key[slot] = unpack(k_packed);
        own_value[slot] = unpack(v_packed);
#else
        own_key[slot] = k;
        own_value[slot] = v;
#end
#end
    }
#end
    for (var i = 0u; i < count; i++) {
        let query = first + i;
        let head = (query / share) * HEADS + kv_head * share + query % share;
#if fused
        let query_scale = head_scale(head * QUADS, lane, QUERY_NORM);
        var score = 0.0; // of the token's own key
#end
        for (var slot = 0u; slot < OCTETS; slot++) {
            let quad = slot * 8u + lane;
#if fused
            let at = min(quad, QUADS - 1u);
            let from_projection = rotated(head * QUADS, at, 0u, query_scale, QUERY_NORM, step.position);
            let value = from_projection * scale_at(step.position);
            score += dot(value, own_key[slot]); // zero beyond the head's end
#else
            let value = q[head * QUADS + min(quad, QUADS - 1u)] * scale_at(step.position + query / share);
#end
            queries[i * SLOTS + slot] = select(vec4<f32>(0.0), value, quad < QUADS);
        }
        peak[i] = LOWEST;
        if (SINKS) {
            peak[i] = sinks[kv_head * share + query % share];
            sum[i] = select(0.0, 1.0, lane == 0u);
        }
#if fused
        let own = capped(subgroupAdd(score));
        let greatest = max(peak[i], own);
        let weight = exp(own - greatest);
        sum[i] = sum[i] * exp(peak[i] - greatest) + select(0.0, weight, lane == 0u);
        peak[i] = greatest;
        for (var slot = 0u; slot < OCTETS; slot++) {
            output[i * SLOTS + slot] = weight * own_value[slot];
        }
#end
    }

#if fused
    let end = step.position;
    let last = max(end, 1u) - 1u;
#else
    let last = step.position + (first + count - 1u) / share;
    let end = last + 1u;
#end
    for (var tile = oldest_seen(step.position + first / share); tile < end; tile += 8u) {
        let position = tile + lane;
        let row = place(min(position, last)) * KV_HEADS + kv_head;
        var scores: array<f32, QUERIES>; // then the weights
        for (var slot = 0u; slot < OCTETS; slot++) {
            let k = key_quads(row, slot * 8u);
            for (var i = 0u; i < count; i++) {
                scores[i] += product(queries[i * SLOTS + slot], k);
            }
        }
        var corrections: array<f32, QUERIES>;
        for (var i = 0u; i < count; i++) {
#if fused
            let visible = position < end && seen(position, step.position);
#else
            let visible = seen(position, step.position + (first + i) / share);
#end
            let score = select(LOWEST, capped(scores[i]), visible);
            let greatest = max(peak[i], subgroupMax(score));
            corrections[i] = exp(peak[i] - greatest);
            scores[i] = select(0.0, exp(score - greatest), visible);
            peak[i] = greatest;
            sum[i] = sum[i] * corrections[i] + scores[i];
        }
        for (var slot = 0u; slot < OCTETS; slot++) {
            let v = value_quads(kv_head, tile, last, slot * 8u + lane);
            for (var i = 0u; i < count; i++) {
                let at = i * SLOTS + slot;
                output[at] = output[at] * corrections[i] + weighted(scores[i], v);
            }
        }
    }

    for (var i = 0u; i < count; i++) {
        let total = subgroupAdd(sum[i]);
        let query = first + i;
        let head = (query / share) * HEADS + kv_head * share + query % share;
        for (var slot = 0u; slot < OCTETS; slot++) {
            let quad = slot * 8u + lane;
            if (quad < QUADS) {
                y[head * QUADS + quad] = output[i * SLOTS + slot] / total;
            }
        }
    }
}
