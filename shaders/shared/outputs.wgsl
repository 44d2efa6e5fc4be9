// Stores four neighbouring outputs, the first of them `row`, of the token whose row of y begins at `start`. Gated: two
// outputs, whose gates are the first two sums and whose factors the last two.
fn store_outputs(start: u32, row: u32, sums: vec4<f32>) {
#if gated
    for (var i = 0u; i < 2u; i++) {
        if (row + i < OUTPUTS) {
            let column = FIRST + row + i;
            var gate = select(sums.x, sums.y, i == 1u);
            var factor = select(sums.z, sums.w, i == 1u);
            if (BIAS) {
                gate += bias[column];
                factor += up_bias[column];
            }
            y[start + column] = gated(gate, factor);
        }
    }
#else
    for (var i = 0u; i < 4u; i++) {
        if (row + i < OUTPUTS) {
            let column = FIRST + row + i;
            var value = sums[i];
            if (BIAS) {
                value += bias[column];
            }
            if (RESIDUAL) {
                value += residual[start + column];
            }
            y[start + column] = value;
        }
    }
#end
}
