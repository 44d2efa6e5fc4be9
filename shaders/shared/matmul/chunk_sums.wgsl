#requires matmul/tile, Outputs, input, matrix_rows, weights_chunks, weights_pairs, LANES4, COLS
#if gated
#requires up_chunks, up_pairs, UP_FIRST
#end
// The products of an invocation's rows of `weights` from `row` on.
fn weights_outputs(row: u32, lane: u32) -> Outputs {
    let last = vec4<u32>(matrix_rows() - 1u);
    let first_rows = min(row + LANES4, last);
#if !gated
    let second_rows = min(row + 4u + LANES4, last);
#end
    var first = vec4<f32>(0.0);
    var second = vec4<f32>(0.0);
    var squares = 0.0;
    for (var chunk = 0u; chunk < (COLS + 31u) / 32u; chunk++) {
        let own = input(chunk * 32u + 4u * (lane & 7u));
        squares += own.square;
        var quads = array<vec4<f32>, 8>(
            subgroupBroadcast(own.value, 0u),
            subgroupBroadcast(own.value, 1u),
            subgroupBroadcast(own.value, 2u),
            subgroupBroadcast(own.value, 3u),
            subgroupBroadcast(own.value, 4u),
            subgroupBroadcast(own.value, 5u),
            subgroupBroadcast(own.value, 6u),
            subgroupBroadcast(own.value, 7u),
        );
        let first_chunks = weights_chunks(first_rows, chunk);
#if gated
        let second_chunks = up_chunks(UP_FIRST + first_rows, chunk);
#else
        let second_chunks = weights_chunks(second_rows, chunk);
#end
        for (var p = 0u; p < 4u; p++) {
            let low = quads[p];
            let high = quads[p + 4u];
            let w = weights_pairs(first_chunks, p);
            first += products(w.low, low) + products(w.high, high);
#if gated
            let v = up_pairs(second_chunks, p);
#else
            let v = weights_pairs(second_chunks, p);
#end
            second += products(v.low, low) + products(v.high, high);
        }
    }
    return Outputs(first, second, squares);
}
