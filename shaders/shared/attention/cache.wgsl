#requires QUADS
// Reads quads of the keys and values in the cache, `[places, KV_HEADS, HEAD_DIM]`; `row` is one of `places * KV_HEADS`.
// `fused` kernels also write.
#if cache_f16
#if fused
@group(0) @binding(2) var<storage, read_write> keys: array<vec2<u32>>;   // pairs of f16
@group(0) @binding(3) var<storage, read_write> values: array<vec2<u32>>;
#else
@group(0) @binding(2) var<storage, read> keys: array<vec2<u32>>;   // pairs of f16
@group(0) @binding(3) var<storage, read> values: array<vec2<u32>>;
#end

fn unpack(pairs: vec2<u32>) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(pairs.x), unpack2x16float(pairs.y));
}

fn key_quad(row: u32, quad: u32) -> vec4<f32> {
    return unpack(keys[row * QUADS + quad]);
}

fn value_quad(row: u32, quad: u32) -> vec4<f32> {
    return unpack(values[row * QUADS + quad]);
}
#end
#if cache_f32
#if fused
@group(0) @binding(2) var<storage, read_write> keys: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> values: array<vec4<f32>>;
#else
@group(0) @binding(2) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> values: array<vec4<f32>>;
#end

fn key_quad(row: u32, quad: u32) -> vec4<f32> {
    return keys[row * QUADS + quad];
}

fn value_quad(row: u32, quad: u32) -> vec4<f32> {
    return values[row * QUADS + quad];
}
#end
#if cache_q8_0
override BLOCKS: u32 = (QUADS + 7u) / 8u; // of up to 32 elements that share a scale
#if fused
// of each row first the codes, then the f32 scales
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<u32>;
#else
@group(0) @binding(2) var<storage, read> keys: array<u32>;         // of each row first the codes, then the f32 scales
@group(0) @binding(3) var<storage, read> values: array<u32>;
#end

fn codes(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<i32>(i32(word)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

fn key_quad(row: u32, quad: u32) -> vec4<f32> {
    let first = row * (QUADS + BLOCKS);
    return codes(keys[first + quad]) * bitcast<f32>(keys[first + QUADS + quad / 8u]);
}

fn value_quad(row: u32, quad: u32) -> vec4<f32> {
    let first = row * (QUADS + BLOCKS);
    return codes(values[first + quad]) * bitcast<f32>(values[first + QUADS + quad / 8u]);
}
#end
