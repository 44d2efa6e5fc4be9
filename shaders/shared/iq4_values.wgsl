// The values of four codes, one in each byte's low four bits, through the table of IQ4_NL and IQ4_XS: -127, -104, ... 113.
fn weights_values(codes: u32) -> vec4<f32> {
    let c = vec4<u32>(codes) >> (LANES4 * 8u);
    let fourth = (c & vec4<u32>(4u)) != vec4<u32>(0u);
    let negative = select(vec4<u32>(0xbfad9881u), vec4<u32>(0xf6eaddcfu), fourth);
    let positive = select(vec4<u32>(0x26190d01u), vec4<u32>(0x71594535u), fourth);
    let four = select(negative, positive, (c & vec4<u32>(8u)) != vec4<u32>(0u));
    let top = four << (vec4<u32>(24u) - (c & vec4<u32>(3u)) * 8u);
    return vec4<f32>(vec4<i32>(top) >> vec4<u32>(24u));
}
