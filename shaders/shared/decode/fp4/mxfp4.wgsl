#requires decode/quads, decode/words, SCALES
// MXFP4: 16 bytes of two E2M1 codes, values j and j + 16; E8M0 scale apart.
#include decode/fp4/fp4_values
#include decode/tabled_nibbles

// The scale is 2^(e - 128), half of E8M0, because the values are doubled; the two subnormal scales become zero.
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    let e = weights_byte(SCALES * 4u + block);
    let scale = select(bitcast<f32>((max(e, 2u) - 1u) << 23u), 0.0, e < 2u);
    return Chunk(block * 4u, 0u, NO_BITS, vec4<f32>(scale));
}
