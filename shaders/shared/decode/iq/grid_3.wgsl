#requires decode/quads
// Entries of four magnitudes, three bits each.
#include decode/iq/grid

fn weights_codes(entry: u32) -> vec4<u32> {
    return (vec4<u32>(entry) >> (LANES4 * 3u)) & vec4<u32>(7u);
}
