#requires decode/quads, decode/words
// IQ4_NL: 16 bytes of two nibbles, values j and j + 16; f16 d apart. table[q] * d
#include decode/iq/iq4_values
#include decode/tabled_nibbles

fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    let block = block_of(row, chunk, 1u);
    return Chunk(block * 4u, 0u, NO_BITS, vec4<f32>(weights_d(block)));
}
