// What lane `lane` of `lanes` adds to the products of four rows of `weights`.
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
        let u0 = up_chunk(rows.x, chunk);
        let u1 = up_chunk(rows.y, chunk);
        let u2 = up_chunk(rows.z, chunk);
        let u3 = up_chunk(rows.w, chunk);
#end
        for (var i = 0u; i < 4u / SPLIT; i++) {
            let p = (unit % SPLIT) * (4u / SPLIT) + i;
            let column = chunk * 32u + 4u * p;
            var low = row_quad(column);
            var high = row_quad(column + 16u);
            if (NORM) {
                sums.squares += dot(low, low) + dot(high, high);
                low *= gain[min(column, COLS - 1u) / 4u];
                high *= gain[min(column + 16u, COLS - 1u) / 4u];
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
