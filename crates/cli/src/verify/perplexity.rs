//! Perplexity of a text.

use std::path::Path;

use linnet_engine::{Engine, Error};
use linnet_graph::Backend;
use serde::Deserialize;

use super::divergence::log_softmax;
use super::golden::{Golden, GoldenError};
use super::report::{Outcome, Subject};
use super::scoring;

/// Allowed difference of the mean from the reference, in nats: what a good quantized engine needs on a real
/// model.
const MEAN_LIMIT: f64 = 0.02;

/// Tolerance between the mean of the f32 scores and the rounded mean in the index.
const SUMMED_UP: f64 = 1e-4;

/// The perplexity section of a published model's index.
#[derive(Clone, Debug, Deserialize)]
pub struct Reference {
    /// Name of the file with the tokens and their scores.
    pub file: String,
    mean_nll: f64,
}

/// The text, in chunks that are each scored from an empty cache, and the reference's scores.
#[derive(Debug)]
pub struct Chunks {
    chunks: Vec<(Vec<u32>, Vec<f32>)>,
}

impl Chunks {
    /// Reads the chunks: `tokens` is `[chunks, n]`, `nll` is `[chunks, n - 1]`.
    ///
    /// # Errors
    /// If the file cannot be read, its shapes do not match, or the mean of its scores differs from the index.
    pub fn open(folder: &Path, reference: &Reference) -> Result<Chunks, GoldenError> {
        let golden = Golden::open(&folder.join(&reference.file))?;
        let (tokens, scores) = (golden.tokens("tokens")?, golden.f32("nll")?);
        let pairs: Vec<_> = tokens.rows().zip(scores.rows()).map(|(t, s)| (t.to_vec(), s.to_vec())).collect();
        let fit =
            tokens.rows().len() == scores.rows().len() && pairs.iter().all(|(t, s)| t.len() == s.len() + 1);
        if pairs.is_empty() || !fit {
            return Err(golden.bad(
                "nll",
                format!("has shape {:?}, but the tokens have {:?}", scores.shape, tokens.shape),
            ));
        }
        let mean = mean_of(&pairs);
        if (mean - reference.mean_nll).abs() > SUMMED_UP {
            return Err(
                golden.bad("nll", format!("has the mean {mean}, but the index has {}", reference.mean_nll))
            );
        }
        Ok(Chunks { chunks: pairs })
    }

    /// Length of the longest chunk in tokens.
    pub fn longest(&self) -> usize {
        self.chunks.iter().map(|(tokens, _)| tokens.len()).max().unwrap_or(0)
    }
}

/// The mean score of these chunks.
fn mean_of(chunks: &[(Vec<u32>, Vec<f32>)]) -> f64 {
    let scores = || chunks.iter().flat_map(|(_, scores)| scores);
    scores().map(|score| f64::from(*score)).sum::<f64>() / scores().count() as f64
}

/// Scores every chunk, `-log softmax(logits[i])[token[i + 1]]` for all positions but the last, and compares
/// the mean with the reference's mean for the same chunks. A GPU in software takes minutes for a chunk, so it scores
/// only the first.
///
/// # Errors
/// Any error of running the model.
pub fn compare<B: Backend>(
    engine: &mut Engine<B>,
    subject: &Subject,
    chunks: &Chunks,
) -> Result<Outcome, Error> {
    let in_software = engine.info().adapter.is_some_and(|adapter| adapter.fallback);
    let chunks = if in_software { &chunks.chunks[..1] } else { &chunks.chunks };
    let (mut sum, mut count, mut difference) = (0.0, 0usize, 0.0);
    for (tokens, scores) in chunks {
        // The last token has no successor to score.
        let (run, targets) = (&tokens[..scores.len()], &tokens[1..]);
        let mut expected = targets.iter().zip(scores);
        scoring::logits(engine, run, run.len(), |row| {
            let Some((target, score)) = expected.next() else { return };
            let nll = log_softmax(row).get(*target as usize).map_or(f64::NAN, |log_p| -log_p);
            sum += nll;
            difference += (nll - f64::from(*score)).abs();
            count += 1;
        })?;
    }
    let (mean, difference) = (sum / count as f64, difference / count as f64);
    let expected = mean_of(chunks);
    let detail = format!(
        "mean NLL {mean:.5}, expected {expected:.5}, over {count} tokens, perplexity {:.3}, \
         mean |difference| of a score {difference:.2e}",
        mean.exp(),
    );
    let figure = (mean - expected).abs();
    Ok(subject.measured("perplexity", "mean NLL off by", figure, MEAN_LIMIT).with(detail))
}
