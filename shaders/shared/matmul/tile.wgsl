#requires decode/quads
// Four neighbouring rows of a matrix, for the kernels for software adapters.

struct Chunks {
    a: Chunk,
    b: Chunk,
    c: Chunk,
    d: Chunk,
}

// One quad of each.
struct Quads {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

// A pair of quads of each.
struct Pairs {
    low: Quads,
    high: Quads,
}

// The low quads, or the high ones if `half` is 1.
fn quads_of(pairs: Pairs, half: u32) -> Quads {
    let high = half == 1u;
    return Quads(
        select(pairs.low.a, pairs.high.a, high),
        select(pairs.low.b, pairs.high.b, high),
        select(pairs.low.c, pairs.high.c, high),
        select(pairs.low.d, pairs.high.d, high),
    );
}

fn products(w: Quads, v: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(dot(w.a, v), dot(w.b, v), dot(w.c, v), dot(w.d, v));
}
