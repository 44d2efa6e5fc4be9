// Before attention over many tokens: normalizes the heads, rotates those of queries and keys, and stores keys and
// values in the cache, in the layout that cache.wgsl reads. One workgroup per head of a token.
#include step
#include attention/ring
#include attention/pack

override HEADS: u32;
override KV_HEADS: u32;
override HEAD_DIM: u32; // a multiple of 4
override QUADS: u32 = HEAD_DIM / 4u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> qkv: array<vec4<f32>>;      // [tokens, HEADS + 2 * KV_HEADS, QUADS]
#include attention/cache
@group(0) @binding(4) var<storage, read> table: array<vec2<f32>>;    // [256 + high, PAIRS] of (cos, sin)
@group(0) @binding(5) var<storage, read> gains: array<vec4<f32>>;    // [3, QUADS]: of queries, keys, values
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;  // [tokens, HEADS, QUADS]
#include attention/rotate

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let head = group.x;
    let token = group.y;
    let start = (token * (HEADS + 2u * KV_HEADS) + head) * QUADS;
    let query = head < HEADS;
    let key = !query && head < HEADS + KV_HEADS;
    let of_value = !query && !key;
    let norm = (query && QUERY_NORM) || (key && KEY_NORM) || (of_value && VALUE_NORM);
    let gain = select(select(2u * QUADS, QUADS, key), 0u, query);
    var scale = 1.0;
    if (QUERY_NORM || KEY_NORM || VALUE_NORM) {
        var squares = 0.0;
        for (var quad = local; quad < QUADS; quad += THREADS) {
            squares += dot(qkv[start + quad], qkv[start + quad]);
        }
        partial[local] = squares;
        for (var half = THREADS / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (local < half) {
                partial[local] += partial[local + half];
            }
        }
        workgroupBarrier();
        scale = norm_scale(partial[0]);
    }
    let position = step.position + token;
    if (query) {
        for (var quad = local; quad < QUADS; quad += THREADS) {
            y[(token * HEADS + head) * QUADS + quad] = rotated(start, quad, gain, scale, norm, position);
        }
        return;
    }
#if cache_q8_0
    let row = (place(position) * KV_HEADS + (head - HEADS) % KV_HEADS) * (QUADS + BLOCKS);
    for (var block = local; block < BLOCKS; block += THREADS) {
        let end = min(block * 8u + 8u, QUADS);
        var greatest = 0.0;
        for (var quad = block * 8u; quad < end; quad++) {
            var value = normed(start, quad, gain, scale, norm);
            if (key) {
                value = rotated(start, quad, gain, scale, norm, position);
            }
            greatest = max(greatest, greatest_of(value));
        }
        let of_block = scale_of(greatest);
        for (var quad = block * 8u; quad < end; quad++) {
            if (key) {
                keys[row + quad] = pack(rotated(start, quad, gain, scale, norm, position), of_block);
            } else {
                values[row + quad] = pack(normed(start, quad, gain, scale, norm), of_block);
            }
        }
        if (key) {
            keys[row + QUADS + block] = bitcast<u32>(stored(of_block));
        } else {
            values[row + QUADS + block] = bitcast<u32>(stored(of_block));
        }
    }
#else
    let row = (place(position) * KV_HEADS + (head - HEADS) % KV_HEADS) * QUADS;
    for (var quad = local; quad < QUADS; quad += THREADS) {
        if (key) {
            keys[row + quad] = pack(rotated(start, quad, gain, scale, norm, position));
        } else {
            values[row + quad] = pack(normed(start, quad, gain, scale, norm));
        }
    }
#end
}
