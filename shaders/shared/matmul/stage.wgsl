#requires COLS, THREADS, NORM, row_quad, gain_at
// Stages the one row that a product reads (`row_quad`) in workgroup memory; with NORM, times its gain (`gain_at`).
#include matmul/integers

override CHUNKS: u32 = COLS / 32u;
override INPUTS: u32 = 8u * CHUNKS;

var<workgroup> inputs: array<Input, INPUTS>;          // quad q of a chunk at q * CHUNKS + chunk
// scale, sums of the halves, sum of the squares before the gain
var<workgroup> blocks: array<vec4<f32>, CHUNKS>;

// Stages the part of invocation `local` of THREADS.
fn stage(local: u32) {
    for (var chunk = local; chunk < CHUNKS; chunk += THREADS) {
        var quads: array<vec4<f32>, 8>;
        var squares = 0.0;
        var greatest = 0.0;
        for (var q = 0u; q < 8u; q++) {
            let column = chunk * 32u + 4u * q;
            var v = row_quad(column);
            if (NORM) {
                squares += dot(v, v);
                v *= gain_at(column);
            }
            greatest = max(greatest, greatest_of(v));
            quads[q] = v;
        }
        let inverse = inverse_input_scale(greatest);
        var sums = vec2<f32>(0.0);
        for (var q = 0u; q < 4u; q++) {
            let low = staged(quads[q] * inverse);
            let high = staged(quads[q + 4u] * inverse);
            inputs[q * CHUNKS + chunk] = low;
            inputs[(q + 4u) * CHUNKS + chunk] = high;
            sums += vec2<f32>(sum_of(low), sum_of(high));
        }
        let scale = input_scale(greatest);
        blocks[chunk] = vec4<f32>(scale, scale * sums, squares);
    }
}
