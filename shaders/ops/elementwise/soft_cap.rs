/// Oracle of `soft_cap`: `cap * tanh(x / cap)`.
pub fn soft_cap(x: &[f32], cap: f32) -> Vec<f32> {
    let cap = f64::from(cap);
    let mut y = Vec::new();
    for &value in x {
        y.push((cap * (f64::from(value) / cap).tanh()) as f32);
    }
    y
}
