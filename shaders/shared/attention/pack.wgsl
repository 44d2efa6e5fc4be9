// Packs keys and values for the cache: the inverse of cache.wgsl.
#if cache_f16
// Packing a value beyond the range of f16 is undefined, so it is clamped.
fn pack(wide: vec4<f32>) -> vec2<u32> {
    let inside = clamp(wide, vec4<f32>(-65504.0), vec4<f32>(65504.0));
    return vec2<u32>(pack2x16float(inside.xy), pack2x16float(inside.zw));
}
#end
#if cache_f32
fn pack(wide: vec4<f32>) -> vec4<f32> {
    return wide;
}
#end
#if cache_q8_0
// The scale of a block whose greatest magnitude is `greatest`, before it is rounded to f16.
fn scale_of(greatest: f32) -> f32 {
    return min(greatest, 65504.0 * 127.0) / 127.0;
}

fn stored(scale: f32) -> f32 {
    return unpack2x16float(pack2x16float(vec2<f32>(scale, 0.0))).x;
}

fn pack(wide: vec4<f32>, scale: f32) -> u32 {
    let inverse = select(0.0, 1.0 / scale, scale > 0.0);
    let whole = round(clamp(wide * inverse, vec4<f32>(-127.0), vec4<f32>(127.0)));
    let bytes = vec4<u32>(vec4<i32>(whole)) & vec4<u32>(255u);
    return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

fn greatest_of(wide: vec4<f32>) -> f32 {
    let pair = max(abs(wide.xy), abs(wide.zw));
    return max(pair.x, pair.y);
}
#end
