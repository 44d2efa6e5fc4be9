#requires decode/quads, weights
// Q2_K: 256 values: 16 bytes of scale and minimum (low and high nibble), one per 16 values; 64 bytes, each 32
// with four chunks, lowest bits first; f16 d, dmin. q * d * scale - dmin * minimum
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let first = block_of(row, chunk, 8u) * 21u;
    let s = chunk & 7u;
    let bytes = weights[first + (s >> 1u)] >> ((s & 1u) * 16u);
    let nibbles = vec4<f32>((vec4<u32>(bytes) >> vec4<u32>(0u, 8u, 4u, 12u)) & vec4<u32>(15u));
    return Chunk(first, s, NO_BITS, unpack2x16float(weights[first + 20u]).xxyy * nibbles);
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let first = c.first + 4u + ((c.place & 4u) << 1u) + p;
    let shift = (c.place & 3u) * 2u;
    return array<vec4<f32>, 2>(
        unsigned_bytes((weights[first] >> shift) & 0x03030303u) * c.scale.x - c.scale.z,
        unsigned_bytes((weights[first + 4u] >> shift) & 0x03030303u) * c.scale.y - c.scale.w,
    );
}

#if integers
const weights_CENTRE: u32 = 0x02020202u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let first = c.first + 4u + ((c.place & 4u) << 1u) + p;
    let shift = vec2<u32>((c.place & 3u) * 2u);
    return (vec2<u32>(weights[first], weights[first + 4u]) >> shift) & vec2<u32>(0x03030303u);
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -c.scale.zw);
}
#end
