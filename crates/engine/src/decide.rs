//! Decides between options without writing an answer: computes how likely the model is to give each of them.
//!
//! The prompt runs once. Its logits serve for the first token of every option; an option of several tokens needs one
//! more run for each further token, and options that begin alike share these runs. The same start of the next text of
//! a batch is still in the KV cache.

mod options;
mod prompt;
mod request;

use linnet_graph::{Backend, Output, OutputRequest};
use serde::Serialize;

use crate::engine::Engine;
use crate::{Error, FinishReason};
use options::Scores;
pub use request::{DecideRequest, DecideSubject};

/// An option and how likely it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "EngineOption"))]
pub struct OptionProbability {
    /// The option.
    pub option: String,
    /// Its probability among the options: the softmax of their log probabilities.
    pub probability: f64,
    /// The log probability that the model's answer begins with this option, and not with a longer one.
    pub logprob: f64,
}

/// The work for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DecisionTimings {
    /// Tokens that were run.
    pub tokens: usize,
    /// Duration in milliseconds.
    pub ms: f64,
}

/// The probabilities of the options for one text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "EngineDecision"))]
pub struct Decision {
    /// The most likely option; the first of them on a tie.
    pub choice: String,
    /// All options, in the order of the request.
    pub options: Vec<OptionProbability>,
    /// The work that it took.
    pub timings: DecisionTimings,
}

/// The decisions of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Decisions {
    /// One for each text in order, or just one.
    pub decisions: Vec<Decision>,
    /// `stop`, or `cancelled` if some are missing.
    pub finish_reason: FinishReason,
}

/// An event of a decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DecideEvent {
    /// There is more to do.
    Deciding {
        /// Decisions made.
        done: usize,
        /// Decisions to make.
        total: usize,
    },
    /// All is done.
    Decided(Decisions),
}

/// Decisions in progress.
pub struct Decider {
    request: DecideRequest,
    /// What is left to run for each text, in order. They are all prepared before the model runs, so that a text that
    /// does not fit is rejected first.
    scores: Vec<Scores>,
    decisions: Vec<Decision>,
    /// Tokens that were run for the current text.
    tokens: usize,
    /// When the model first ran for it.
    started: Option<f64>,
    cancelled: bool,
}

impl Decider {
    pub(crate) fn start<B: Backend>(engine: &Engine<B>, request: &DecideRequest) -> Result<Self, Error> {
        request.check()?;
        let first = request.scores(engine, 0)?;
        Ok(Decider {
            request: request.clone(),
            scores: vec![first],
            decisions: Vec::new(),
            tokens: 0,
            started: None,
            cancelled: false,
        })
    }

    /// Stops: the next call of [`Decider::next`] returns the decisions made so far.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Prepares a text or runs the model once, or returns the decisions if nothing is left.
    ///
    /// # Errors
    /// [`Error::Backend`]. The same call may be retried. Those of [`Engine::decide`] for the other texts of a batch.
    pub async fn next<B: Backend>(&mut self, engine: &mut Engine<B>) -> Result<DecideEvent, Error> {
        let total = self.request.texts.as_ref().map_or(1, Vec::len);
        if !self.cancelled && self.scores.len() < total {
            let next = self.request.scores(engine, self.scores.len())?;
            self.scores.push(next.sharing(&self.scores[0]));
        } else if !self.cancelled && self.decisions.len() < total {
            self.run(engine).await?;
        } else {
            let finish_reason = if self.cancelled { FinishReason::Cancelled } else { FinishReason::Stop };
            return Ok(DecideEvent::Decided(Decisions { decisions: self.decisions.clone(), finish_reason }));
        }
        Ok(DecideEvent::Deciding { done: self.decisions.len(), total })
    }

    /// Runs the model once for the current text.
    async fn run<B: Backend>(&mut self, engine: &mut Engine<B>) -> Result<(), Error> {
        let now = engine.platform.now_ms;
        let started = *self.started.get_or_insert_with(now);
        let scores = &mut self.scores[self.decisions.len()];
        let session = &mut engine.session;
        let tokens = scores.tokens();
        let rest = &tokens[session.reuse(&tokens)..];
        let (chunk, before) = (session.chunker.chunk(), now());
        if rest.len() > chunk {
            session.extend(&rest[..chunk], OutputRequest::Nothing).await?;
            session.chunker.took(chunk, now() - before);
            self.tokens += chunk;
            return Ok(());
        }
        let Output::Logits(logits) = session.extend(rest, OutputRequest::Logits(1)).await? else {
            return Err(Error::invalid("backend", "returned no logits"));
        };
        self.tokens += rest.len();
        if scores.take(&logits) {
            let timings = DecisionTimings { tokens: self.tokens, ms: now() - started };
            self.decisions.push(decision(&self.request.options, &scores.logprobs(), timings));
            (self.tokens, self.started) = (0, None);
        }
        Ok(())
    }
}

fn decision(options: &[String], logprobs: &[f64], timings: DecisionTimings) -> Decision {
    let (mut best, mut greatest) = (0, f64::NEG_INFINITY);
    for (at, logprob) in logprobs.iter().enumerate() {
        if *logprob > greatest {
            (best, greatest) = (at, *logprob);
        }
    }
    let sum: f64 = logprobs.iter().map(|logprob| (logprob - greatest).exp()).sum();
    let probability = |(option, logprob): (&String, &f64)| OptionProbability {
        option: option.clone(),
        probability: (logprob - greatest).exp() / sum,
        logprob: *logprob,
    };
    let found = options.iter().zip(logprobs).map(probability).collect();
    Decision { choice: options[best].clone(), options: found, timings }
}
