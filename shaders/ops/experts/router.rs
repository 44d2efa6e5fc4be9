/// How scores are computed from logits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gating {
    /// Softmax over all experts.
    Softmax,
    /// The logistic function of each.
    Sigmoid,
    /// The logits themselves; the weights are the softmax over the selected experts.
    SoftmaxOfChosen,
}

/// Oracle of `router`: for each row of `logits` (`[rows, experts]`) the indices of the `used` experts with the greatest
/// score plus `bias`, greatest first, the lowest index first among equals, and their weights; both are `[rows, used]`.
#[allow(clippy::too_many_arguments, reason = "the op's parameters, spelled out")]
pub fn router(
    logits: &[f32],
    experts: usize,
    used: usize,
    gating: Gating,
    bias: Option<&[f32]>,
    normalize: bool,
    scale: f32,
) -> (Vec<f32>, Vec<f32>) {
    let softmax = |x: &[f64]| -> Vec<f64> {
        let greatest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = x.iter().map(|v| (v - greatest).exp()).sum();
        x.iter().map(|v| (v - greatest).exp() / total).collect()
    };
    let (mut ids, mut weights) = (Vec::new(), Vec::new());
    for row in logits.chunks(experts) {
        let row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
        let scores = match gating {
            Gating::Softmax => softmax(&row),
            Gating::Sigmoid => row.iter().map(|v| 1.0 / (1.0 + (-v).exp())).collect(),
            Gating::SoftmaxOfChosen => row,
        };
        let rank = |e: usize| scores[e] + bias.map_or(0.0, |bias| f64::from(bias[e]));
        let mut chosen: Vec<usize> = Vec::new();
        for _ in 0..used {
            let mut best: Option<usize> = None;
            for e in 0..experts {
                if !chosen.contains(&e) && best.is_none_or(|b| rank(e) > rank(b)) {
                    best = Some(e);
                }
            }
            chosen.extend(best);
        }
        let mut of_chosen: Vec<f64> = chosen.iter().map(|&e| scores[e]).collect();
        if gating == Gating::SoftmaxOfChosen {
            of_chosen = softmax(&of_chosen);
        }
        if normalize {
            let sum = of_chosen.iter().sum::<f64>().max(2f64.powi(-14));
            of_chosen.iter_mut().for_each(|w| *w /= sum);
        }
        ids.extend(chosen.iter().map(|&e| e as f32));
        weights.extend(of_chosen.iter().map(|w| (w * f64::from(scale)) as f32));
    }
    (ids, weights)
}
