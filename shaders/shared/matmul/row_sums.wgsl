#requires Sums, SPLIT
#if integers
#requires matmul/stage, weights_of_row
#if gated
#requires UP_FIRST, up_of_row
#end
#else
#requires COLS, NORM, row_quad, gain_at, product, weights_chunk, weights_pair
#if gated
#requires UP_FIRST, up_chunk, up_pair
#end
#end
// The part of lane `lane` of `lanes` in the products of four rows of `weights`.
#if integers
fn weights_sums(rows: vec4<u32>, lane: u32, lanes: u32) -> Sums {
    var sums = Sums();
    for (var unit = lane; unit < CHUNKS * SPLIT; unit += lanes) {
        let chunk = unit / SPLIT;
        let first = (unit % SPLIT) * (4u / SPLIT);
        var block = blocks[chunk];
        if (first > 0u) {
            // The sums of the chunk are added only once.
            block = vec4<f32>(block.x, 0.0, 0.0, 0.0);
        }
        sums.squares += block.w;
        sums.rows += vec4<f32>(
            weights_of_row(rows.x, chunk, first, block),
            weights_of_row(rows.y, chunk, first, block),
            weights_of_row(rows.z, chunk, first, block),
            weights_of_row(rows.w, chunk, first, block),
        );
#if gated
        sums.up += vec4<f32>(
            up_of_row(UP_FIRST + rows.x, chunk, first, block),
            up_of_row(UP_FIRST + rows.y, chunk, first, block),
            up_of_row(UP_FIRST + rows.z, chunk, first, block),
            up_of_row(UP_FIRST + rows.w, chunk, first, block),
        );
#end
    }
    return sums;
}
#else
fn weights_sums(rows: vec4<u32>, lane: u32, lanes: u32) -> Sums {
    var sums = Sums();
    let units = ((COLS + 31u) / 32u) * SPLIT;
    for (var unit = lane; unit < units; unit += lanes) {
        let chunk = unit / SPLIT;
        let c0 = weights_chunk(rows.x, chunk);
        let c1 = weights_chunk(rows.y, chunk);
        let c2 = weights_chunk(rows.z, chunk);
        let c3 = weights_chunk(rows.w, chunk);
#if gated
        let u0 = up_chunk(UP_FIRST + rows.x, chunk);
        let u1 = up_chunk(UP_FIRST + rows.y, chunk);
        let u2 = up_chunk(UP_FIRST + rows.z, chunk);
        let u3 = up_chunk(UP_FIRST + rows.w, chunk);
#end
        for (var i = 0u; i < 4u / SPLIT; i++) {
            let p = (unit % SPLIT) * (4u / SPLIT) + i;
            let column = chunk * 32u + 4u * p;
            var low = row_quad(column);
            var high = row_quad(column + 16u);
            if (NORM) {
                sums.squares += dot(low, low) + dot(high, high);
                low *= gain_at(column);
                high *= gain_at(column + 16u);
            }
            sums.rows += vec4<f32>(
                product(weights_pair(c0, p), low, high),
                product(weights_pair(c1, p), low, high),
                product(weights_pair(c2, p), low, high),
                product(weights_pair(c3, p), low, high),
            );
#if gated
            sums.up += vec4<f32>(
                product(up_pair(u0, p), low, high),
                product(up_pair(u1, p), low, high),
                product(up_pair(u2, p), low, high),
                product(up_pair(u3, p), low, high),
            );
#end
        }
    }
    return sums;
}
#end
