#requires decode/quads, COLS, weights_floats
// Rows of plain floats may have any length: values beyond the end of a row are read as zero. `first` is the index of a
// chunk's first value, and `place` its column.
fn weights_chunk(row: u32, chunk: u32) -> Chunk {
    return Chunk(row * COLS + chunk * 32u, chunk * 32u, NO_BITS, vec4<f32>(1.0));
}

fn weights_quad(first: u32, column: u32) -> vec4<f32> {
    let values = weights_floats(first);
    if (column + 4u <= COLS) {
        return values;
    }
    return select(vec4<f32>(0.0), values, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
}

fn weights_pair(c: Chunk, p: u32) -> array<vec4<f32>, 2> {
    return array<vec4<f32>, 2>(
        weights_quad(c.first + 4u * p, c.place + 4u * p),
        weights_quad(c.first + 4u * p + 16u, c.place + 4u * p + 16u),
    );
}
