/// Variations of an attention.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Special<'a> {
    /// `c` of `c * tanh(score / c)`.
    pub soft_cap: Option<f32>,
    /// Positions that a token attends to, including its own.
    pub window: Option<usize>,
    /// A further score of each head, whose value is zero.
    pub sinks: Option<&'a [f32]>,
    /// `(s, period)`: the scores of a token at `p` are multiplied by `1 + s * ln(1 + floor(p / period))`.
    pub temperature: Option<(f32, usize)>,
}

/// Oracle of `attention`: for each token (row of `q`, `[tokens, heads, head_dim]`; the first is at `position`) and
/// each head, the mean of the values at positions up to the token's own, weighted by
/// `softmax(scale * q · k)`. Head `h` reads key/value head `h / (heads / kv_heads)` of the caches
/// (`[context, kv_heads, head_dim]`).
///
/// Vaswani et al., Attention Is All You Need, 2017, equation 1; grouped heads: Ainslie et al., GQA, 2023.
#[allow(clippy::too_many_arguments, reason = "the op's parameters, spelled out")]
pub fn attention(
    q: &[f32],
    k_cache: &[f32],
    v_cache: &[f32],
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    scale: f32,
    position: usize,
    special: Special<'_>,
) -> Vec<f32> {
    let mut y = Vec::new();
    for (t, row) in q.chunks(heads * head_dim).enumerate() {
        for (h, query) in row.chunks(head_dim).enumerate() {
            let kv_head = h / (heads / kv_heads);
            let at = |p: usize, d: usize| (p * kv_heads + kv_head) * head_dim + d;

            let own = position + t;
            let first = special.window.map_or(0, |window| (own + 1).saturating_sub(window));
            let temperature = special
                .temperature
                .map_or(1.0, |(scale, period)| 1.0 + f64::from(scale) * (1.0 + (own / period) as f64).ln());
            let mut scores = Vec::new();
            for p in first..=own {
                let mut dot = 0.0;
                for d in 0..head_dim {
                    dot += f64::from(query[d]) * f64::from(k_cache[at(p, d)]);
                }
                let score = dot * f64::from(scale) * temperature;
                scores.push(match special.soft_cap {
                    Some(cap) => f64::from(cap) * (score / f64::from(cap)).tanh(),
                    None => score,
                });
            }
            let sink = special.sinks.map_or(f64::NEG_INFINITY, |sinks| f64::from(sinks[h]));
            let greatest = scores.iter().copied().fold(sink, f64::max);
            let mut total = (sink - greatest).exp();
            for score in &mut scores {
                *score = (*score - greatest).exp();
                total += *score;
            }
            for d in 0..head_dim {
                let mut sum = 0.0;
                for (p, weight) in scores.iter().enumerate() {
                    sum += weight * f64::from(v_cache[at(first + p, d)]);
                }
                y.push((sum / total) as f32);
            }
        }
    }
    y
}
