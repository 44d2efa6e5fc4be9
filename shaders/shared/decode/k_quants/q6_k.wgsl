#requires decode/quads, decode/words, weights
// Q6_K: 256 values: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed 8-bit scales (one per 16 values),
// f16 d apart. Chunk `s` has its low nibbles in the 32 bytes `2 (s / 4) + s % 2`, the upper ones where `s % 4 > 1`, and
// its high bits at `2 (s % 4)` of the 32 bytes `s / 4`. (q - 32) * d * scale
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = block * 52u;
    let s = chunk & 7u;
    let scales = signed_bytes(weights[first + 48u + (s >> 1u)] >> ((s & 1u) * 16u)).xy;
    return Chunk(first, s, NO_BITS, vec4<f32>(scales * weights_d(block), 0.0, 0.0));
}

fn weights_quad(low: u32, high: u32, s: u32) -> vec4<f32> {
    let nibbles = (weights[low] >> ((s & 2u) * 2u)) & 0x0f0f0f0fu;
    let pairs = (weights[high] >> ((s & 3u) * 2u)) & 0x03030303u;
    return unsigned_bytes(nibbles | (pairs << 4u)) - 32.0;
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let low = c.first + (c.place >> 2u) * 16u + (c.place & 1u) * 8u + p;
    let high = c.first + 32u + (c.place >> 2u) * 8u + p;
    return array<vec4<f32>, 2>(
        weights_quad(low, high, c.place) * c.scale.x,
        weights_quad(low + 4u, high + 4u, c.place) * c.scale.y,
    );
}

#if integers
const weights_CENTRE: u32 = 0x20202020u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let low = c.first + (c.place >> 2u) * 16u + (c.place & 1u) * 8u + p;
    let high = c.first + 32u + (c.place >> 2u) * 8u + p;
    let nibbles = vec2<u32>(weights[low], weights[low + 4u]) >> vec2<u32>((c.place & 2u) * 2u);
    let pairs = vec2<u32>(weights[high], weights[high + 4u]) >> vec2<u32>((c.place & 3u) * 2u);
    return (nibbles & vec2<u32>(0x0f0f0f0fu)) | ((pairs & vec2<u32>(0x03030303u)) << vec2<u32>(4u));
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -32.0 * c.scale.xy);
}
#end
