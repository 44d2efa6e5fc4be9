/// Oracle of `scale`: `factor * weight * x`.
pub fn scale(x: &[f32], factor: f32, weight: f32) -> Vec<f32> {
    let mut y = Vec::new();
    for &value in x {
        y.push((f64::from(value) * f64::from(factor) * f64::from(weight)) as f32);
    }
    y
}
