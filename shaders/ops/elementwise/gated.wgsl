// y = activation(gate) * up, element by element.
#include step
#include rows
#include gated

override QUADS: u32; // of 4 values in a row

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read> gate: array<vec4<f32>>; // [rows, 4 * QUADS]
@group(0) @binding(2) var<storage, read> up: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let quad = group.x * THREADS + local;
    if (quad >= QUADS || group.y >= row_count()) {
        return;
    }
    let at = group.y * QUADS + quad;
    let g = gate[at];
    let u = up[at];
    y[at] = vec4<f32>(gated(g.x, u.x), gated(g.y, u.y), gated(g.z, u.z), gated(g.w, u.w));
}
