#requires decode/quads
// Twice the values of four E2M1 codes, one in each byte's low four bits: 0, 1, 2, 3, 4, 6, 8, 12 and a sign.
fn weights_values(codes: u32) -> vec4<f32> {
    let c = vec4<u32>(codes) >> (LANES4 * 8u);
    let four = select(vec4<u32>(0x03020100u), vec4<u32>(0x0c080604u), (c & vec4<u32>(4u)) != vec4<u32>(0u));
    let magnitude = vec4<f32>((four >> ((c & vec4<u32>(3u)) * 8u)) & vec4<u32>(15u));
    return select(magnitude, -magnitude, (c & vec4<u32>(8u)) != vec4<u32>(0u));
}

#if integers
// The same as bytes. The magnitude of a code is a byte of one of two words; the sign negates it.
fn weights_bytes(codes: u32) -> u32 {
    let c = vec4<u32>(codes) >> (LANES4 * 8u);
    let four = select(vec4<u32>(0x03020100u), vec4<u32>(0x0c080604u), (c & vec4<u32>(4u)) != vec4<u32>(0u));
    let magnitude = (four >> ((c & vec4<u32>(3u)) * 8u)) & vec4<u32>(15u);
    let bytes = select(magnitude, 256u - magnitude, (c & vec4<u32>(8u)) != vec4<u32>(0u)) & vec4<u32>(0xffu);
    return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}
#end
