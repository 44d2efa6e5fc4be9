/// Oracle of `delta_net`, the gated delta rule. A row of `qkv` is `key_heads` queries, as many keys, and `value_heads`
/// values, of `head_dim` elements each; `beta` and `alpha` are `[tokens, value_heads]`. `state`
/// (`[value_heads, head_dim, head_dim]`, by value index and then key index) becomes the state after the last
/// token.
///
/// For each token and value head, with the query and key of head `h mod key_heads` divided by their lengths:
/// `S = exp(a * softplus(alpha + dt_bias)) S`, `S += sigmoid(beta) (v - S k) kᵀ`, `y = S q / sqrt(head_dim)`.
///
/// Yang, Kautz and Hatamizadeh, Gated Delta Networks, 2024, equation 10.
#[allow(clippy::too_many_arguments, reason = "the op's parameters, spelled out")]
pub fn delta_net(
    state: &mut [f64],
    qkv: &[f32],
    beta: &[f32],
    alpha: &[f32],
    a: &[f32],
    dt_bias: &[f32],
    key_heads: usize,
    value_heads: usize,
    head_dim: usize,
    eps: f32,
) -> Vec<f32> {
    let unit = |x: &[f32]| -> Vec<f64> {
        let square: f64 = x.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        let length = square.sqrt().max(f64::from(eps));
        x.iter().map(|v| f64::from(*v) / length).collect()
    };
    let mut y = Vec::new();
    for (t, row) in qkv.chunks((2 * key_heads + value_heads) * head_dim).enumerate() {
        let head = |index: usize| &row[index * head_dim..(index + 1) * head_dim];
        for h in 0..value_heads {
            let q = unit(head(h % key_heads));
            let k = unit(head(key_heads + h % key_heads));
            let v = head(2 * key_heads + h);
            let step = f64::from(alpha[t * value_heads + h]) + f64::from(dt_bias[h]);
            let decay = (f64::from(a[h]) * (1.0 + step.exp()).ln()).exp();
            let beta = 1.0 / (1.0 + (-f64::from(beta[t * value_heads + h])).exp());
            for (i, value) in v.iter().enumerate() {
                let at = (h * head_dim + i) * head_dim;
                let matrix_row = &mut state[at..at + head_dim];
                let mut recalled = 0.0;
                for j in 0..head_dim {
                    matrix_row[j] *= decay;
                    recalled += matrix_row[j] * k[j];
                }
                let change = beta * (f64::from(*value) - recalled);
                let mut sum = 0.0;
                for j in 0..head_dim {
                    matrix_row[j] += change * k[j];
                    sum += matrix_row[j] * q[j];
                }
                y.push((sum / (head_dim as f64).sqrt()) as f32);
            }
        }
    }
    y
}
