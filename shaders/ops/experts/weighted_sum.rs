/// Oracle of `weighted_sum`: the sum of the `used` slots of each row of `x` (`[rows, used, width]`), weighted by
/// `weights` (`[rows, used]`).
pub fn weighted_sum(x: &[f32], weights: &[f32], used: usize) -> Vec<f32> {
    let rows = weights.len() / used;
    let width = x.len() / weights.len();
    let mut y = Vec::new();
    for row in 0..rows {
        for i in 0..width {
            let mut sum = 0.0;
            for slot in row * used..(row + 1) * used {
                sum += f64::from(weights[slot]) * f64::from(x[slot * width + i]);
            }
            y.push(sum as f32);
        }
    }
    y
}
