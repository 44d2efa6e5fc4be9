//! Samples the next token: a chain of filters over the logits, then a seeded draw.

use std::collections::BTreeMap;

use linnet_graph::{DecodeRequest, SamplingParams};
use linnet_text::TokenMask;

use crate::request::Sampling;

/// A token that may be sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    token: u32,
    logit: f32,
}

/// Draws tokens as a [`Sampling`] says. The random numbers depend only on the seed and a token's position, so a backend
/// that samples by itself ([`SamplingParams`]) gives the same text.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    seed: u64,
    bias: BTreeMap<u32, f32>,
    suppressed: Vec<u32>,
}

impl Sampler {
    /// A sampler with a `seed`.
    pub fn new(sampling: Sampling, seed: u64) -> Self {
        Sampler { sampling, seed, bias: BTreeMap::new(), suppressed: Vec::new() }
    }

    /// Adds a logit bias to these tokens first. (Unknown tokens are ignored.)
    pub fn with_bias(self, bias: BTreeMap<u32, f32>) -> Self {
        Sampler { bias, ..self }
    }

    /// Never samples these tokens, except those that have a bias. Call it after [`Self::with_bias`].
    pub fn with_suppressed(self, tokens: &[u32]) -> Self {
        let suppressed = tokens.iter().copied().filter(|token| !self.bias.contains_key(token)).collect();
        Sampler { suppressed, ..self }
    }

    /// The tokens that are never sampled.
    pub fn suppressed(&self) -> &[u32] {
        &self.suppressed
    }

    /// Whether it needs the logits, because backends that sample do not know all that the request sets.
    pub fn needs_logits(&self) -> bool {
        // What they know, see `params`. Compare any other parameter with its default below: a parameter that is ignored
        // here has no effect on a GPU.
        let Sampling {
            temperature: _,
            top_k: _,
            top_p: _,
            min_p: _,
            repetition_penalty: _,
            presence_penalty: _,
            frequency_penalty: _,
            seed: _,
        } = self.sampling;
        !self.bias.is_empty() || self.suppressed.len() > DecodeRequest::MAX_SUPPRESSED
    }

    /// Whether it always picks the most likely token, which a backend can do itself.
    pub fn is_argmax(&self) -> bool {
        let s = &self.sampling;
        !self.needs_logits()
            && self.suppressed.is_empty()
            && (s.temperature == 0.0 || s.top_k == 1)
            && s.repetition_penalty == 1.0
            && s.presence_penalty == 0.0
            && s.frequency_penalty == 0.0
    }

    /// The parameters for a backend that samples; `first_generated` is the position of the first
    /// generated token.
    pub fn params(&self, first_generated: usize) -> SamplingParams {
        let Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            presence_penalty,
            frequency_penalty,
            seed: _,
        } = self.sampling;
        SamplingParams {
            temperature: if top_k == 1 { 0.0 } else { temperature },
            min_p,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            repetition_penalty,
            first_generated,
            seed: self.seed,
        }
    }

    /// Samples the next token. The order is llama.cpp's: bias, penalties, `top_k`, `top_p`, `min_p`, temperature.
    ///
    /// `logits` is `[vocabulary]` and not empty; `tokens` are all tokens so far, and the last `generated` of
    /// them are the model's. A NaN logit is only picked if there is no other.
    pub fn sample(&self, logits: &mut [f32], tokens: &[u32], generated: usize) -> u32 {
        self.adjust(logits, tokens, generated);
        self.draw(logits, tokens.len(), None)
    }

    /// The first half of [`sample`](Self::sample): bias, penalties and suppressed tokens.
    pub(crate) fn adjust(&self, logits: &mut [f32], tokens: &[u32], generated: usize) {
        for (token, bias) in &self.bias {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit += bias;
            }
        }
        self.penalize(logits, tokens, generated);
        for token in &self.suppressed {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    /// The second half: draws a token from adjusted logits, if there is a mask, only one of its tokens. The random
    /// numbers do not depend on the mask: at any temperature, without `top_k`, `top_p` and `min_p`, a token drawn
    /// without the mask is the one drawn with it, if it is in the mask.
    pub(crate) fn draw(&self, logits: &[f32], position: usize, mask: Option<&TokenMask>) -> u32 {
        let mut candidates: Vec<Candidate> = logits
            .iter()
            .enumerate()
            .map(|(token, &logit)| Candidate { token: token as u32, logit })
            .filter(|c| !c.logit.is_nan() && mask.is_none_or(|mask| mask.contains(c.token)))
            .collect();
        let Some(best) = candidates.iter().copied().reduce(|a, b| if b.logit > a.logit { b } else { a })
        else {
            return mask.and_then(|mask| mask.iter().next()).unwrap_or(0);
        };
        if self.sampling.temperature == 0.0 {
            return best.token;
        }
        self.keep_top_k(&mut candidates);
        self.keep_top_p(&mut candidates);
        let floor = best.logit + self.sampling.min_p.ln();
        candidates.retain(|c| c.logit >= floor);
        self.choose(&candidates, best, position)
    }

    fn penalize(&self, logits: &mut [f32], tokens: &[u32], generated: usize) {
        let s = &self.sampling;
        if s.repetition_penalty != 1.0 {
            let mut recent =
                tokens[tokens.len().saturating_sub(SamplingParams::REPETITION_WINDOW)..].to_vec();
            recent.sort_unstable();
            recent.dedup();
            for token in recent {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit = if *logit > 0.0 {
                        *logit / s.repetition_penalty
                    } else {
                        *logit * s.repetition_penalty
                    };
                }
            }
        }
        if s.presence_penalty != 0.0 || s.frequency_penalty != 0.0 {
            let mut own = tokens[tokens.len() - generated..].to_vec();
            own.sort_unstable();
            for run in own.chunk_by(|a, b| a == b) {
                if let Some(logit) = logits.get_mut(run[0] as usize) {
                    *logit -= s.presence_penalty + s.frequency_penalty * run.len() as f32;
                }
            }
        }
    }

    /// Sorts the candidates, most likely first (the lower id on a tie), and keeps `top_k` of them.
    fn keep_top_k(&self, candidates: &mut Vec<Candidate>) {
        let by_logit = |a: &Candidate, b: &Candidate| b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token));
        let k = self.sampling.top_k;
        if k > 0 && k < candidates.len() {
            candidates.select_nth_unstable_by(k - 1, by_logit);
            candidates.truncate(k);
        }
        candidates.sort_unstable_by(by_logit);
    }

    /// Keeps the fewest most likely candidates whose probabilities reach `top_p`; at least one.
    fn keep_top_p(&self, candidates: &mut Vec<Candidate>) {
        if self.sampling.top_p >= 1.0 {
            return;
        }
        let weight = |c: &Candidate| f64::from(c.logit - candidates[0].logit).exp();
        let target = f64::from(self.sampling.top_p) * candidates.iter().map(weight).sum::<f64>();
        let mut sum = 0.0;
        let keep = candidates.iter().position(|c| {
            sum += weight(c);
            sum >= target
        });
        candidates.truncate(keep.map_or(candidates.len(), |last| last + 1));
    }

    /// Gumbel-max sampling: the argmax of `logit / temperature + g`, with independent Gumbel noise g, is a
    /// sample from the softmax of `logit / temperature` (Gumbel 1954). It needs no sum, whose rounding would
    /// depend on its order.
    fn choose(&self, candidates: &[Candidate], best: Candidate, position: usize) -> u32 {
        let temperature = f64::from(self.sampling.temperature);
        let score = |c: &Candidate| {
            f64::from(c.logit - best.logit) / temperature + gumbel(self.seed, position as u32, c.token)
        };
        let scores = candidates.iter().map(|c| (score(c), c.token));
        scores.reduce(|a, b| if b.0 > a.0 { b } else { a }).map_or(best.token, |(_, token)| token)
    }
}

/// Gumbel noise that depends only on these arguments.
fn gumbel(seed: u64, position: u32, token: u32) -> f64 {
    let bits = random_bits([seed as u32, (seed >> 32) as u32, position, token]);
    let uniform = (f64::from(bits) + 0.5) / f64::from(1u32 << 31) / 2.0;
    -(-(-uniform).ln_1p()).ln()
}

/// 32 random bits from four integers (pcg4d: Jarzynski and Olano, Hash Functions for GPU Rendering, 2020).
fn random_bits(numbers: [u32; 4]) -> u32 {
    let mut v = numbers.map(|n| n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |v: &mut [u32; 4]| {
        v[0] = v[0].wrapping_add(v[1].wrapping_mul(v[3]));
        v[1] = v[1].wrapping_add(v[2].wrapping_mul(v[0]));
        v[2] = v[2].wrapping_add(v[0].wrapping_mul(v[1]));
        v[3] = v[3].wrapping_add(v[1].wrapping_mul(v[2]));
    };
    mix(&mut v);
    v = v.map(|n| n ^ (n >> 16));
    mix(&mut v);
    // The low bits depend only on the low bits of the inputs.
    v[0] ^ (v[0] >> 16)
}

#[cfg(test)]
mod tests;
