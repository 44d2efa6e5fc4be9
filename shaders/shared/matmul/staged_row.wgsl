#requires matmul/stage, SPLIT, weights_chunk, weights_codes, weights_affine, weights_CENTRE
// The products of a row of `weights` with 4 / SPLIT pairs of a chunk of the staged inputs, from pair `first` on.
fn weights_of_row(row: u32, chunk: u32, first: u32, block: vec4<f32>) -> f32 {
    let c = weights_chunk(row, chunk);
    var low = Partial();
    var high = Partial();
    for (var i = 0u; i < 4u / SPLIT; i++) {
        let codes = weights_codes(c, first + i);
        let at = (first + i) * CHUNKS + chunk;
        low += partial_product(centred(codes.x, weights_CENTRE), inputs[at]);
        high += partial_product(centred(codes.y, weights_CENTRE), inputs[at + 4u * CHUNKS]);
    }
    let affine = centred_affine(weights_affine(c), weights_CENTRE);
    return block.x * (affine.x * f32(low) + affine.y * f32(high)) + dot(affine.zw, block.yz);
}
