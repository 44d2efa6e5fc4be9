// As attention.wgsl, for adapters that pay for every memory access of every lane: those that run on the CPU.
//
// A workgroup is eight lanes. Of each tile of eight positions a lane computes the scores of one, for all queries; then it
// adds up the weighted values of its share of the head, every eighth quad. What other lanes hold they broadcast.
#include step
#include ring
#include scores

override OCTETS: u32 = (QUADS + 7u) / 8u; // at most SLOTS

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;      // [tokens, HEADS, HEAD_DIM]
#include cache
@group(0) @binding(4) var<storage, read> sinks: array<f32>;        // [HEADS]
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

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

// Eight quads of a key from `first` on. Those beyond its end meet quads of the query that are zero.
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

// One quad of the values at eight positions; those beyond the last one have no weight.
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
    let share = HEADS / KV_HEADS; // query heads per key/value head
    let kv_head = group.x;
    let first = group.y * QUERIES;
    let count = min(step.tokens * share - first, QUERIES);
    var queries: array<vec4<f32>, QUERIES * SLOTS>;
    var output: array<vec4<f32>, QUERIES * SLOTS>;
    var peak: array<f32, QUERIES>;
    var sum: array<f32, QUERIES>; // of this lane
    for (var i = 0u; i < count; i++) {
        let query = first + i;
        let head = (query / share) * HEADS + kv_head * share + query % share;
        for (var slot = 0u; slot < OCTETS; slot++) {
            let quad = slot * 8u + lane;
            let value = q[head * QUADS + min(quad, QUADS - 1u)] * scale_at(step.position + query / share);
            queries[i * SLOTS + slot] = select(vec4<f32>(0.0), value, quad < QUADS);
        }
        peak[i] = LOWEST;
        if (SINKS) {
            peak[i] = sinks[kv_head * share + query % share];
            sum[i] = select(0.0, 1.0, lane == 0u);
        }
    }

    let last = step.position + (first + count - 1u) / share;
    for (var tile = oldest_seen(step.position + first / share); tile <= last; tile += 8u) {
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
            let visible = seen(position, step.position + (first + i) / share);
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
