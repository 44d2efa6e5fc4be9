// Rows of plain floats may have any length: values beyond the row's end read as zero.
fn weights_scale(row: u32, chunk: u32) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn weights_quad(row: u32, column: u32) -> vec4<f32> {
    let values = weights_floats(row * COLS + column);
    if (column + 4u <= COLS) {
        return values;
    }
    return select(vec4<f32>(0.0), values, (vec4<u32>(column) + LANES4) < vec4<u32>(COLS));
}

fn weights_pair(row: u32, chunk: u32, p: u32, scale: vec4<f32>) -> array<vec4<f32>, 2> {
    let column = chunk * 32u + 4u * p;
    return array<vec4<f32>, 2>(weights_quad(row, column), weights_quad(row, column + 16u));
}
