//! How likely tokens are, as the model has it.

use linnet_text::Tokenizer;
use serde::Serialize;

/// A token and its probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Likely {
    /// The token.
    pub token: u32,
    /// Its bytes, which need not be whole characters; of a control token its spelling.
    pub bytes: Vec<u8>,
    /// The logarithm of its probability, [`Likely::LEAST`] at least.
    pub logprob: f32,
}

/// How likely a chosen token was, and what else was likely. The probabilities are the softmax of the model's logits as they come,
/// before bias, penalties, temperature and filters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Logprobs {
    /// The one that was chosen.
    #[serde(flatten)]
    pub chosen: Likely,
    /// Where its text begins in the answer, in UTF-16 code units; of a part of a character where that begins.
    pub offset: usize,
    /// The most likely ones, the most likely first.
    pub top: Vec<Likely>,
}

impl Likely {
    /// Stands for all that is less likely, or has no logit that is a number: JSON has no infinity.
    pub const LEAST: f32 = -9999.0;
}

impl Logprobs {
    /// The most tokens of [`Logprobs::top`].
    pub const MOST: usize = 20;

    /// Of `logits`, `[vocabulary]`, of which `chosen` was chosen for that place, with the `top` most likely (the lower id first among equals).
    pub(crate) fn of(
        logits: &[f32],
        chosen: u32,
        offset: usize,
        top: usize,
        tokenizer: &Tokenizer,
    ) -> Logprobs {
        let whole = log_sum(logits);
        let likely = |token: u32| {
            let logit = logits.get(token as usize).copied().unwrap_or(f32::NAN);
            // Of a number and one that is none, `max` gives the number.
            let logprob = ((f64::from(logit) - whole) as f32).max(Likely::LEAST);
            Likely { token, bytes: tokenizer.token_bytes(token).unwrap_or_default().to_vec(), logprob }
        };
        Logprobs {
            chosen: likely(chosen),
            offset,
            top: greatest(logits, top).into_iter().map(likely).collect(),
        }
    }
}

/// The logarithm of the sum of what the logits are logarithms of.
pub(crate) fn log_sum(logits: &[f32]) -> f64 {
    let best = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - best).exp()).filter(|x| !x.is_nan()).sum();
    best + sum.ln()
}

/// The indices of the `count` greatest logits, the greatest first.
pub(crate) fn greatest(logits: &[f32], count: usize) -> Vec<u32> {
    let mut top: Vec<(f32, u32)> = Vec::with_capacity(count + 1);
    for (token, logit) in logits.iter().enumerate() {
        let beaten = top.len() == count && top.last().is_none_or(|(least, _)| logit <= least);
        if beaten || logit.is_nan() {
            continue;
        }
        let place = top.partition_point(|(other, _)| other >= logit);
        top.insert(place, (*logit, token as u32));
        top.truncate(count);
    }
    top.into_iter().map(|(_, token)| token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_come_first_and_the_lower_id_among_equals() {
        let logits = [1.0, f32::NAN, 3.0, 2.0, 3.0, f32::NEG_INFINITY];
        assert_eq!(greatest(&logits, 3), [2, 4, 3]);
        assert_eq!(greatest(&logits, 0), [0; 0]);
        assert_eq!(greatest(&logits, 9), [2, 4, 3, 0, 5]);
    }

    #[test]
    fn the_sum_is_that_of_the_definition() {
        let logits: Vec<f32> = (0..1000).map(|i| ((i * 37) % 101) as f32 / 7.0 + 300.0).collect();
        let naive = logits.iter().map(|logit| (f64::from(*logit) - 300.0).exp()).sum::<f64>().ln() + 300.0;
        assert!((log_sum(&logits) - naive).abs() < 1e-9);
        assert!((log_sum(&[2.0, f32::NAN, f32::NEG_INFINITY]) - 2.0).abs() < 1e-12);
    }
}
