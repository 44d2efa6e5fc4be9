/// Oracle of `add`: `a + b`, element by element.
pub fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    let mut y = Vec::new();
    for i in 0..a.len() {
        y.push((f64::from(a[i]) + f64::from(b[i])) as f32);
    }
    y
}
