// Stores the keys and values of the step's tokens in the cache, in the layout that cache.wgsl reads. An invocation
// stores one quad, in Q8_0 one block of up to 32 elements.
#include step
#include attention/ring
#include attention/pack

override KV_HEADS: u32;
override QUADS: u32; // of 4 values in a head

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>; // [tokens, KV_HEADS, QUADS]
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
#if cache_f16
@group(0) @binding(3) var<storage, read_write> keys: array<vec2<u32>>; // [places, KV_HEADS, QUADS]
@group(0) @binding(4) var<storage, read_write> values: array<vec2<u32>>;
#end
#if cache_f32
@group(0) @binding(3) var<storage, read_write> keys: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> values: array<vec4<f32>>;
#end
#if cache_q8_0
override BLOCKS: u32 = (QUADS + 7u) / 8u;
@group(0) @binding(3) var<storage, read_write> keys: array<u32>;
@group(0) @binding(4) var<storage, read_write> values: array<u32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let index = group.x * THREADS + local;
    if (index >= KV_HEADS * BLOCKS || group.y >= step.tokens) {
        return;
    }
    let head = index / BLOCKS;
    let block = index % BLOCKS;
    let end = min(block * 8u + 8u, QUADS);
    let source = (group.y * KV_HEADS + head) * QUADS;
    let to = (place(step.position + group.y) * KV_HEADS + head) * (QUADS + BLOCKS);
    var greatest = vec2<f32>(0.0); // of the keys and of the values
    for (var quad = block * 8u; quad < end; quad++) {
        greatest = max(greatest, vec2<f32>(greatest_of(k[source + quad]), greatest_of(v[source + quad])));
    }
    let key_scale = scale_of(greatest.x);
    let value_scale = scale_of(greatest.y);
    for (var quad = block * 8u; quad < end; quad++) {
        keys[to + quad] = pack(k[source + quad], key_scale);
        values[to + quad] = pack(v[source + quad], value_scale);
    }
    keys[to + QUADS + block] = bitcast<u32>(stored(key_scale));
    values[to + QUADS + block] = bitcast<u32>(stored(value_scale));
}
#else

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quad = group.x * THREADS + local;
    if (quad >= KV_HEADS * QUADS || group.y >= step.tokens) {
        return;
    }
    let source = group.y * KV_HEADS * QUADS + quad;
    let to = place(step.position + group.y) * KV_HEADS * QUADS + quad;
    keys[to] = pack(k[source]);
    values[to] = pack(v[source]);
}
#end
