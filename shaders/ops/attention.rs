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
) -> Vec<f32> {
    let mut y = Vec::new();
    for (t, row) in q.chunks(heads * head_dim).enumerate() {
        for (h, query) in row.chunks(head_dim).enumerate() {
            let kv_head = h / (heads / kv_heads);
            let at = |p: usize, d: usize| (p * kv_heads + kv_head) * head_dim + d;

            let mut scores = Vec::new();
            for p in 0..=position + t {
                let mut dot = 0.0;
                for d in 0..head_dim {
                    dot += f64::from(query[d]) * f64::from(k_cache[at(p, d)]);
                }
                scores.push(dot * f64::from(scale));
            }
            let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let mut total = 0.0;
            for score in &mut scores {
                *score = (*score - greatest).exp();
                total += *score;
            }
            for d in 0..head_dim {
                let mut sum = 0.0;
                for (p, weight) in scores.iter().enumerate() {
                    sum += weight * f64::from(v_cache[at(p, d)]);
                }
                y.push((sum / total) as f32);
            }
        }
    }
    y
}
