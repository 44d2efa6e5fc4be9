/// Oracle of `expert_matmul`: slot `s` of row `r` of the result is `w[e] · x + bias[e]` with `e = ids[r][s]`, where `w`
/// is `[experts, outputs, inputs]` (already decoded), `bias` `[experts, outputs]`, and `x` `[rows, inputs]` or
/// `[rows, used, inputs]`. The result is `[rows, used, outputs]`.
pub fn expert_matmul(
    x: &[f32],
    ids: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    used: usize,
    outputs: usize,
    inputs: usize,
) -> Vec<f32> {
    let rows = ids.len() / used;
    let shared = x.len() == rows * inputs;
    let mut y = Vec::new();
    for (slot, id) in ids.iter().enumerate() {
        let expert = *id as usize;
        let from = if shared { slot / used } else { slot };
        for o in 0..outputs {
            let row = expert * outputs + o;
            let mut sum = 0.0;
            for i in 0..inputs {
                sum += f64::from(w[row * inputs + i]) * f64::from(x[from * inputs + i]);
            }
            if let Some(bias) = bias {
                sum += f64::from(bias[row]);
            }
            y.push(sum as f32);
        }
    }
    y
}
