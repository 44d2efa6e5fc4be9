#requires decode/quads, decode/words, weights
// TQ1_0: 256 values: bytes of five ternary digits. Digit k of byte j is value 32 k + j in the first 32 bytes, 160 + 16
// k + j in the next 16, and 240 + 4 k + j in the last four, which have four digits; f16 d apart. (q - 1) * d
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 8u);
    return Chunk(block * 13u, chunk & 7u, NO_BITS, vec4<f32>(weights_d(block)));
}

// Quad `p` of half `half` of a chunk. A byte is ceil(n * 256 / 243), where n is the number of its digits: times 3^k
// modulo 256 the wanted digit is at the top, and times 3 it is the overflow.
fn weights_quad(c: Chunk, p: u32, half: u32) -> vec4<f32> {
    let s = c.place;
    var at = p + 4u * half;
    var k = s;
    if (s == 7u && half == 1u) {
        at = 12u;
        k = p;
    } else if (s > 4u) {
        at = 8u + p;
        k = 2u * (s - 5u) + half;
    }
    let power = select((0x1b090301u >> (8u * (k & 3u))) & 0xffu, 81u, k == 4u);
    let bytes = (vec4<u32>(weights[c.first + at]) >> (LANES4 * 8u)) & vec4<u32>(0xffu);
    return vec4<f32>((((bytes * power) & vec4<u32>(0xffu)) * 3u) >> vec4<u32>(8u)) - 1.0;
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(weights_quad(c, p, 0u) * c.scale.x, weights_quad(c, p, 1u) * c.scale.x);
}
