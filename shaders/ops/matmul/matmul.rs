/// Oracle of `matmul`: `y = x · wᵀ + bias` with `x` `[rows, inputs]`, `w` `[outputs, inputs]` (already decoded) and
/// `bias` `[outputs]`; the result is `[rows, outputs]`.
pub fn matmul(x: &[f32], w: &[f32], bias: Option<&[f32]>, inputs: usize) -> Vec<f32> {
    let outputs = w.len() / inputs;
    let mut y = Vec::new();
    for row in x.chunks(inputs) {
        for o in 0..outputs {
            let mut sum = 0.0;
            for i in 0..inputs {
                sum += f64::from(w[o * inputs + i]) * f64::from(row[i]);
            }
            if let Some(bias) = bias {
                sum += f64::from(bias[o]);
            }
            y.push(sum as f32);
        }
    }
    y
}
