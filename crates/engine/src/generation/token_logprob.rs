//! Log probabilities of tokens.

use linnet_text::Tokenizer;
use serde::Serialize;

/// A token and its log probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "EngineTokenLogprob"))]
pub struct TokenLogprob {
    /// The token.
    pub token: u32,
    /// Its bytes, which may not be valid UTF-8; for a control token, its name.
    pub bytes: Vec<u8>,
    /// Its log probability, at least -9999.
    pub logprob: f32,
}

/// The log probability of a sampled token and of the most likely ones. The probabilities are the softmax of
/// the model's logits before bias, penalties, temperature and filters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "EngineLogprobs"))]
pub struct Logprobs {
    /// The sampled token.
    #[serde(flatten)]
    pub chosen: TokenLogprob,
    /// Offset of its text in the answer, in UTF-16 code units; for part of a character, the offset of the
    /// character.
    pub offset: usize,
    /// The most likely tokens, in descending order.
    pub top: Vec<TokenLogprob>,
}

impl TokenLogprob {
    /// Used for anything less likely and for NaN logits: JSON has no infinity.
    pub const LEAST: f32 = -9999.0;
}

impl Logprobs {
    /// Maximum length of [`Logprobs::top`].
    pub const MOST: usize = 20;

    /// Log probabilities from `logits`, `[vocabulary]`, for the token `chosen` and the `top` most likely ones
    /// (the lower id first on a tie).
    pub(crate) fn of(
        logits: &[f32],
        chosen: u32,
        offset: usize,
        top: usize,
        tokenizer: &Tokenizer,
    ) -> Logprobs {
        let whole = log_sum(logits);
        let logprob_of = |token: u32| {
            let logit = logits.get(token as usize).copied().unwrap_or(f32::NAN);
            // `max` ignores NaN.
            let logprob = ((f64::from(logit) - whole) as f32).max(TokenLogprob::LEAST);
            TokenLogprob { token, bytes: tokenizer.token_bytes(token).unwrap_or_default().to_vec(), logprob }
        };
        Logprobs {
            chosen: logprob_of(chosen),
            offset,
            top: greatest(logits, top).into_iter().map(logprob_of).collect(),
        }
    }
}

/// The logarithm of the sum of the logits' exponentials.
pub(crate) fn log_sum(logits: &[f32]) -> f64 {
    let best = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - best).exp()).filter(|x| !x.is_nan()).sum();
    best + sum.ln()
}

/// The indices of the `count` largest logits, largest first.
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
    fn the_largest_come_first_and_the_lower_id_on_a_tie() {
        let logits = [1.0, f32::NAN, 3.0, 2.0, 3.0, f32::NEG_INFINITY];
        assert_eq!(greatest(&logits, 3), [2, 4, 3]);
        assert_eq!(greatest(&logits, 0), [0; 0]);
        assert_eq!(greatest(&logits, 9), [2, 4, 3, 0, 5]);
    }

    #[test]
    fn log_sum_matches_its_definition() {
        let logits: Vec<f32> = (0..1000).map(|i| ((i * 37) % 101) as f32 / 7.0 + 300.0).collect();
        let naive = logits.iter().map(|logit| (f64::from(*logit) - 300.0).exp()).sum::<f64>().ln() + 300.0;
        assert!((log_sum(&logits) - naive).abs() < 1e-9);
        assert!((log_sum(&[2.0, f32::NAN, f32::NEG_INFINITY]) - 2.0).abs() < 1e-12);
    }
}
