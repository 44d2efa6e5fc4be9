// TQ1_0: 256 values: bytes of five ternary digits: digit k of the first 32 bytes is value 32 k + j, of the next 16 value
// 160 + 16 k + j; four bytes of four digits, value 240 + 4 k + j; f16 d. (q - 1) * d
fn weights_block(row: u32, chunk: u32) -> u32 {
    return (row * (COLS / 256u) + chunk / 8u) * 54u;
}

fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(weights_half(weights_block(row, chunk) + 52u), 0.0, 0.0, 0.0);
}

// Quad `p` of a half chunk, the chunk's second where `half` is 1. A byte is ceil(n * 256 / 243) of the number n that its
// digits form: times 3^k modulo 256 the wanted digit is at the top, and times 3 it is what overflows.
fn weights_quad(block: u32, s: u32, p: u32, half: u32) -> vec4<f32> {
    var at = block + 4u * p + 16u * half;
    var k = s;
    if (s == 7u && half == 1u) {
        at = block + 48u;
        k = p;
    } else if (s > 4u) {
        at = block + 32u + 4u * p;
        k = 2u * (s - 5u) + half;
    }
    let power = select((0x1b090301u >> (8u * (k & 3u))) & 0xffu, 81u, k == 4u);
    let bytes = (vec4<u32>(weights_word(at)) >> (LANES4 * 8u)) & vec4<u32>(0xffu);
    return vec4<f32>((((bytes * power) & vec4<u32>(0xffu)) * 3u) >> vec4<u32>(8u)) - 1.0;
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let block = weights_block(row, chunk);
    return array<vec4<f32>, 2>(
        weights_quad(block, chunk & 7u, p, 0u) * scale.x,
        weights_quad(block, chunk & 7u, p, 1u) * scale.x,
    );
}
