#requires decode/quads, decode/words, weights
// Q3_K: 256 values: 32 bytes of high bits, bit `s` of byte `j` for value `j` of chunk `s`; 64 bytes of low bits, laid
// out as in Q2_K; 12 bytes of 6-bit scales, one per 16 values; f16 d apart. (q - 4) * d * (scale - 32)
//
// Scale `g` has its low nibble in byte `g % 8`, the upper one where `g > 7`, and its high bits at `2 (g / 4)` of byte
// `8 + g % 4`.
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    let first = block * 27u;
    let s = chunk & 7u;
    let half = (s & 1u) * 16u;
    let low = weights[first + 24u + ((s & 3u) >> 1u)] >> (half + (s & 4u));
    let high = weights[first + 26u] >> (half + (s & 6u));
    let scales = (vec2<u32>(low, low >> 8u) & vec2<u32>(15u))
        | ((vec2<u32>(high, high >> 8u) & vec2<u32>(3u)) << vec2<u32>(4u));
    return Chunk(first, s, NO_BITS, vec4<f32>((vec2<f32>(scales) - 32.0) * weights_d(block), 0.0, 0.0));
}

fn weights_quad(high: u32, low: u32, s: u32) -> vec4<f32> {
    let pairs = (weights[low] >> ((s & 3u) * 2u)) & 0x03030303u;
    let third = (weights[high] >> s) & 0x01010101u;
    return unsigned_bytes(pairs | (third << 2u)) - 4.0;
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    let high = c.first + p;
    let low = high + 8u + (c.place >> 2u) * 8u;
    return array<vec4<f32>, 2>(
        weights_quad(high, low, c.place) * c.scale.x,
        weights_quad(high + 4u, low + 4u, c.place) * c.scale.y,
    );
}

#if integers
const weights_CENTRE: u32 = 0x04040404u;

fn weights_codes(c: Chunk, p: u32) -> vec2<u32> {
    let high = c.first + p;
    let low = high + 8u + (c.place >> 2u) * 8u;
    let pairs = vec2<u32>(weights[low], weights[low + 4u]) >> vec2<u32>((c.place & 3u) * 2u);
    let third = vec2<u32>(weights[high], weights[high + 4u]) >> vec2<u32>(c.place);
    return (pairs & vec2<u32>(0x03030303u)) | ((third & vec2<u32>(0x01010101u)) << vec2<u32>(2u));
}

fn weights_affine(c: Chunk) -> vec4<f32> {
    return vec4<f32>(c.scale.xy, -4.0 * c.scale.xy);
}
#end
