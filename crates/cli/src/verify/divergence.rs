//! Measures how far logits are from their reference.

/// The distance of one row of logits from its reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// KL(reference || ours) in nats, in f64.
    pub kl: f64,
    /// Largest absolute difference of two logits.
    pub max_abs: f64,
    /// Both have the same most likely token.
    pub same_top: bool,
    /// The reference's margin between its two most likely tokens.
    pub margin: f64,
}

impl Divergence {
    /// Compares two rows of equal length, at least 2. A NaN in either makes the figures NaN.
    pub fn new(reference: &[f32], ours: &[f32]) -> Divergence {
        let (log_p, log_q) = (log_softmax(reference), log_softmax(ours));
        let kl = log_p.iter().zip(&log_q).map(|(p, q)| p.exp() * (p - q)).sum();
        let differences = reference.iter().zip(ours).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
        let top = argmax(reference);
        let second = reference.iter().enumerate().filter(|(i, _)| *i != top).map(|(_, l)| *l);
        let second = second.fold(f32::NEG_INFINITY, f32::max);
        Divergence {
            kl,
            max_abs: differences.fold(0.0, larger),
            same_top: top == argmax(ours),
            margin: f64::from(reference[top]) - f64::from(second),
        }
    }

    /// The worst of both in every figure; the margin is that of the row whose top token differs, if any.
    pub fn worst(self, other: Divergence) -> Divergence {
        let margin = match (self.same_top, other.same_top) {
            (false, true) => self.margin,
            (true, false) => other.margin,
            _ => self.margin.max(other.margin),
        };
        Divergence {
            kl: larger(self.kl, other.kl),
            max_abs: larger(self.max_abs, other.max_abs),
            same_top: self.same_top && other.same_top,
            margin,
        }
    }

    /// Whether the top token is the same, or the reference's margin is within the noise.
    pub fn top_holds(&self, noise: f64) -> bool {
        self.same_top || self.margin <= noise
    }
}

/// The larger of two numbers, or NaN if either is NaN.
pub fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The index of the largest logit; the first one on a tie.
pub fn argmax(logits: &[f32]) -> usize {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = i;
        }
    }
    best
}

/// `log softmax(logits)`, in f64.
pub fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted: Vec<f64> = logits.iter().map(|l| f64::from(*l) - f64::from(max)).collect();
    let log_sum = shifted.iter().map(|s| s.exp()).sum::<f64>().ln();
    shifted.into_iter().map(|s| s - log_sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_and_shifted_ones_do_not_diverge() {
        let row = [1.0, 5.0, -3.0];
        let same = Divergence::new(&row, &row);
        assert_eq!((same.kl, same.max_abs, same.same_top, same.margin), (0.0, 0.0, true, 4.0));
        let shifted = Divergence::new(&row, &row.map(|l| l + 2.0));
        assert!(shifted.kl.abs() < 1e-12 && shifted.max_abs == 2.0 && shifted.same_top);
    }

    #[test]
    fn kl_agrees_with_the_definition() {
        // p = (1/2, 1/2), q = (3/4, 1/4)
        let kl = Divergence::new(&[0.0, 0.0], &[3f32.ln(), 0.0]).kl;
        let expected = 0.5 * (0.5f64 / 0.75).ln() + 0.5 * (0.5f64 / 0.25).ln();
        assert!((kl - expected).abs() < 1e-7, "{kl} instead of {expected}");
    }

    #[test]
    fn every_figure_notices_sabotage() {
        let reference = [0.0, 1.0, 2.0];
        let swapped = Divergence::new(&reference, &[0.0, 2.0, 1.0]);
        assert!(swapped.kl > 0.1 && swapped.max_abs == 1.0 && !swapped.same_top);
        assert!(!swapped.top_holds(0.9) && swapped.top_holds(1.0));
        let broken = Divergence::new(&reference, &[0.0, f32::NAN, 2.0]);
        assert!(broken.kl.is_nan() && broken.max_abs.is_nan());
        let good = Divergence::new(&reference, &reference);
        let worst = good.worst(broken);
        assert!(worst.kl.is_nan() && worst.max_abs.is_nan());
    }

    #[test]
    fn the_worst_row_is_the_one_with_another_token() {
        let good = Divergence { kl: 0.1, max_abs: 0.2, same_top: true, margin: 9.0 };
        let bad = Divergence { kl: 0.05, max_abs: 0.3, same_top: false, margin: 0.1 };
        for worst in [good.worst(bad), bad.worst(good)] {
            assert_eq!(worst, Divergence { kl: 0.1, max_abs: 0.3, same_top: false, margin: 0.1 });
        }
    }
}
