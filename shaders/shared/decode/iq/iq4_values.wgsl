#requires decode/quads
// The values of four codes, one in the low four bits of each byte, from the table of IQ4_NL and IQ4_XS: -127, -104, ...
// 113.
fn weights_values(codes: u32) -> vec4<f32> {
    return vec4<f32>(weights_tops(codes) >> vec4<u32>(24u));
}

// Each value in the top byte of an i32.
fn weights_tops(codes: u32) -> vec4<i32> {
    let c = vec4<u32>(codes) >> (LANES4 * 8u);
    let fourth = (c & vec4<u32>(4u)) != vec4<u32>(0u);
    let negative = select(vec4<u32>(0xbfad9881u), vec4<u32>(0xf6eaddcfu), fourth);
    let positive = select(vec4<u32>(0x26190d01u), vec4<u32>(0x71594535u), fourth);
    let four = select(negative, positive, (c & vec4<u32>(8u)) != vec4<u32>(0u));
    return vec4<i32>(four << (vec4<u32>(24u) - (c & vec4<u32>(3u)) * 8u));
}

#if integers
fn weights_bytes(codes: u32) -> u32 {
    let tops = vec4<u32>(weights_tops(codes)) >> vec4<u32>(24u, 16u, 8u, 0u);
    return tops.x | (tops.y & 0xff00u) | (tops.z & 0xff0000u) | (tops.w & 0xff000000u);
}
#end
