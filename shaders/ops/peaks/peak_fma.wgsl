// Measures arithmetic: fused multiply-adds in registers, with enough independent sums to hide the latency.
override STEPS: u32;

@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [4]

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) local: u32) {
    // These are zeros, but the compiler does not know it.
    let factor = vec4<f32>(y[0]);
    let term = vec4<f32>(y[1] + f32(local));
    var a = term;
    var b = term;
    var c = term;
    var d = term;
    var e = term;
    var f = term;
    var g = term;
    var h = term;
    for (var step = 0u; step < STEPS; step++) {
        a = fma(a, factor, term);
        b = fma(b, factor, a);
        c = fma(c, factor, term);
        d = fma(d, factor, c);
        e = fma(e, factor, term);
        f = fma(f, factor, e);
        g = fma(g, factor, term);
        h = fma(h, factor, g);
    }
    let sum = a + b + c + d + e + f + g + h;
    if (any(sum < vec4<f32>(0.0))) {
        y[2] = sum.x;
    }
}
