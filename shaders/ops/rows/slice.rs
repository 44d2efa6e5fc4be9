/// Oracle of `slice`: of each group of `stride` elements the `len` from `start` on.
pub fn slice(x: &[f32], start: usize, len: usize, stride: usize) -> Vec<f32> {
    let mut y = Vec::new();
    for group in 0..x.len() / stride {
        for i in 0..len {
            y.push(x[group * stride + start + i]);
        }
    }
    y
}
