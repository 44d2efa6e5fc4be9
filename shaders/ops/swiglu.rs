/// Oracle of `swiglu`: `silu(gate) * up`, element by element, where `silu(x) = x / (1 + exp(-x))`.
///
/// Shazeer, GLU Variants Improve Transformer, 2020.
pub fn swiglu(gate: &[f32], up: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for i in 0..gate.len() {
        let g = f64::from(gate[i]);
        y.push((g / (1.0 + (-g).exp()) * f64::from(up[i])) as f32);
    }
    y
}
