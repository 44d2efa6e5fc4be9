// Merges the partial results of SPLITS workgroups of attention.wgsl for one token. One invocation per quad.
override HEADS: u32;
override HEAD_DIM: u32;
override QUADS: u32 = HEAD_DIM / 4u;
override SPLITS: u32;

@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>>;   // [HEADS, SPLITS, 1 + QUADS]
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>; // [HEADS, HEAD_DIM]

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x >= HEADS * QUADS) {
        return;
    }
    let first = (id.x / QUADS) * SPLITS * (1u + QUADS);
    var greatest = parts[first].x;
    for (var split = 1u; split < SPLITS; split++) {
        greatest = max(greatest, parts[first + split * (1u + QUADS)].x);
    }
    var total = 0.0;
    var value = vec4<f32>(0.0);
    for (var split = 0u; split < SPLITS; split++) {
        let part = first + split * (1u + QUADS);
        let weight = exp(parts[part].x - greatest);
        total += weight * parts[part].y;
        value += weight * parts[part + 1u + id.x % QUADS];
    }
    y[id.x] = value / total;
}
