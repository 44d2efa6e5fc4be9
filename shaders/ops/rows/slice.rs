/// Oracle of `slice`: the `len` elements from `start` on of each group of `stride`.
pub fn slice(x: &[f32], start: usize, len: usize, stride: usize) -> Vec<f32> {
    let mut y = Vec::new();
    for group in 0..x.len() / stride {
        for i in 0..len {
            y.push(x[group * stride + start + i]);
        }
    }
    y
}
