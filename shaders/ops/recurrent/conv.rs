/// Oracle of `conv`: `y[t][c] = Σ_j kernel[c][j] * x[t - (taps - 1) + j][c]`, then silu if `silu`; the inputs before
/// the first row of `x` (`[tokens, channels]`) are `state` (`[taps - 1, channels]`), which becomes the last inputs.
pub fn conv(
    state: &mut [f32],
    x: &[f32],
    kernel: &[f32],
    channels: usize,
    taps: usize,
    silu: bool,
) -> Vec<f32> {
    let mut all = state.to_vec();
    all.extend_from_slice(x);
    let tokens = x.len() / channels;
    let mut y = Vec::new();
    for t in 0..tokens {
        for c in 0..channels {
            let mut sum = 0.0;
            for j in 0..taps {
                sum += f64::from(kernel[c * taps + j]) * f64::from(all[(t + j) * channels + c]);
            }
            if silu {
                sum /= 1.0 + (-sum).exp();
            }
            y.push(sum as f32);
        }
    }
    let last = all.len() - state.len();
    state.copy_from_slice(&all[last..]);
    y
}
