// Writes the keys and values of the step's tokens to the cache, as f16 pairs.
#include step

override QUADS: u32; // of 4 values in a row: kv heads * head_dim / 4

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>; // [tokens, kv_heads, head_dim]
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> keys: array<vec2<u32>>; // [context, kv_heads, head_dim]
@group(0) @binding(4) var<storage, read_write> values: array<vec2<u32>>;

// Packing a value beyond f16's range is undefined, so it stays at the range's end.
fn pack(wide: vec4<f32>) -> vec2<u32> {
    let inside = clamp(wide, vec4<f32>(-65504.0), vec4<f32>(65504.0));
    return vec2<u32>(pack2x16float(inside.xy), pack2x16float(inside.zw));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quad = group.x * THREADS + local;
    if (quad >= QUADS || group.y >= step.tokens) {
        return;
    }
    let source = group.y * QUADS + quad;
    let to = (step.position + group.y) * QUADS + quad;
    keys[to] = pack(k[source]);
    values[to] = pack(v[source]);
}
