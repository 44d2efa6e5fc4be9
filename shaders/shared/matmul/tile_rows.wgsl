#requires matmul/tile, weights_chunk, weights_pair
// Reads four rows of the buffer `weights`.

fn weights_chunks(rows: vec4<u32>, chunk: u32) -> Chunks {
    return Chunks(
        weights_chunk(rows.x, chunk),
        weights_chunk(rows.y, chunk),
        weights_chunk(rows.z, chunk),
        weights_chunk(rows.w, chunk),
    );
}

fn weights_pairs(rows: Chunks, p: u32) -> Pairs {
    let a = weights_pair(rows.a, p);
    let b = weights_pair(rows.b, p);
    let c = weights_pair(rows.c, p);
    let d = weights_pair(rows.d, p);
    return Pairs(Quads(a[0], b[0], c[0], d[0]), Quads(a[1], b[1], c[1], d[1]));
}
