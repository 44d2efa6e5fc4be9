// Measures bandwidth: reads a buffer once.
override QUADS: u32; // of words, in the buffer

@group(0) @binding(0) var<storage, read> words: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let stride = groups.x * THREADS;
    var sum = vec4<u32>(0u);
    for (var at = group.x * THREADS + local; at < QUADS; at += stride) {
        sum += words[at];
    }
    // The words are zeros, so nothing is written, but the compiler does not know it.
    if (any(sum != vec4<u32>(0u))) {
        y[0] = sum.x;
    }
}
