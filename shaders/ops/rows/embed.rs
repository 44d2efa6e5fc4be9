/// Oracle of `embed`: the rows of `table` (`[vocabulary, cols]`) that `tokens` name, `[tokens, cols]`.
pub fn embed(table: &[f32], cols: usize, tokens: &[u32]) -> Vec<f32> {
    let mut y = Vec::new();
    for &token in tokens {
        for c in 0..cols {
            y.push(table[token as usize * cols + c]);
        }
    }
    y
}
