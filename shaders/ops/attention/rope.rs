/// Oracle of `rope`: rotates pair `i` of every head of `x` (`[tokens, heads, head_dim]`) by the angle
/// `p * frequencies[i] / factors[i]`, where `p` is `position` for the first token and one more for each next, and
/// multiplies it by `magnitude`.
///
/// A pair is the elements `(2i, 2i + 1)`, or with `halves` the elements `(i, i + frequencies.len())`. Elements from
/// `2 * frequencies.len()` on are unchanged. Su et al., RoFormer, 2021, equation 34.
#[allow(clippy::too_many_arguments, reason = "the op's parameters, spelled out")]
pub fn rope(
    x: &[f32],
    heads: usize,
    head_dim: usize,
    halves: bool,
    frequencies: &[f32],
    factors: Option<&[f32]>,
    magnitude: f32,
    position: usize,
) -> Vec<f32> {
    let mut y = x.to_vec();
    for (t, row) in y.chunks_mut(heads * head_dim).enumerate() {
        for head in row.chunks_mut(head_dim) {
            for i in 0..frequencies.len() {
                let factor = factors.map_or(1.0, |f| f64::from(f[i]));
                let angle = (position + t) as f64 * f64::from(frequencies[i]) / factor;
                let (a, b) = if halves { (i, i + frequencies.len()) } else { (2 * i, 2 * i + 1) };
                let (re, im) = (f64::from(head[a]), f64::from(head[b]));
                head[a] = ((re * angle.cos() - im * angle.sin()) * f64::from(magnitude)) as f32;
                head[b] = ((re * angle.sin() + im * angle.cos()) * f64::from(magnitude)) as f32;
            }
        }
    }
    y
}
