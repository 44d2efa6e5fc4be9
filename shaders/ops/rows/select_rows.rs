/// Oracle of `select_rows`: the last `rows` rows of `x` (`[tokens, width]`).
pub fn select_rows(x: &[f32], width: usize, rows: usize) -> Vec<f32> {
    let tokens = x.len() / width;
    let mut y = Vec::new();
    for row in tokens - rows..tokens {
        for i in 0..width {
            y.push(x[row * width + i]);
        }
    }
    y
}
