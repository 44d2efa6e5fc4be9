//! Flags for sampling.

use clap::Args;
use linnet_engine::Sampling;

/// How to sample the next token, and when to stop.
#[derive(Args, Debug)]
#[command(next_help_heading = "Sampling")]
pub struct SamplingOptions {
    /// Always pick the most likely token
    #[arg(long, conflicts_with = "temperature")]
    greedy: bool,
    /// Temperature; 0 is greedy
    #[arg(long, value_name = "T")]
    temperature: Option<f32>,
    /// Keep only the K most likely tokens; 0 disables it
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Keep the most likely tokens whose probabilities add up to P
    #[arg(long, value_name = "P")]
    top_p: Option<f32>,
    /// Drop tokens less likely than this fraction of the most likely one
    #[arg(long, value_name = "P")]
    min_p: Option<f32>,
    /// Repetition penalty for the last 64 tokens; 1 disables it
    #[arg(long, value_name = "X")]
    repetition_penalty: Option<f32>,
    /// Presence penalty: subtracted once from the logit of each generated token
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    presence_penalty: Option<f32>,
    /// Frequency penalty: subtracted from a token's logit each time it is generated
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    frequency_penalty: Option<f32>,
    /// Random seed; the same seed gives the same answer
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Maximum number of tokens in an answer
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<usize>,
    /// Stop string that ends the answer; may be repeated
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Ignore end-of-text tokens and keep generating
    #[arg(long)]
    pub ignore_eos: bool,
}

impl SamplingOptions {
    /// Converts to the engine's type; options not given keep the engine's defaults.
    pub fn sampling(&self) -> Sampling {
        let default = Sampling::default();
        Sampling {
            temperature: if self.greedy { 0.0 } else { self.temperature.unwrap_or(default.temperature) },
            top_k: self.top_k.unwrap_or(default.top_k),
            top_p: self.top_p.unwrap_or(default.top_p),
            min_p: self.min_p.unwrap_or(default.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(default.repetition_penalty),
            presence_penalty: self.presence_penalty.unwrap_or(default.presence_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(default.frequency_penalty),
            seed: self.seed,
        }
    }

    /// The stop strings.
    pub fn stop(&self) -> Vec<String> {
        self.stop.clone()
    }
}
