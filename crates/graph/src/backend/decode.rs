//! Decoding ahead: a backend samples tokens and runs them, several per call.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::backend::error::BackendError;
use crate::backend::step::Step;

/// How the next token is sampled from the logits.
///
/// The token at a position depends only on the logits, the tokens before it and the seed: neither on the number of
/// tokens per request nor on earlier draws. Filters and penalties apply in the order of the fields, from the last to
/// the first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SamplingParams {
    /// Divides the logits that the filters keep; 0 takes the most likely token.
    pub temperature: f32,
    /// Drop tokens less likely than this share of the most likely one.
    pub min_p: f32,
    /// Keep the most likely tokens that together have this probability; 1 keeps all.
    pub top_p: f32,
    /// Keep only this many of the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Subtracted from a token's logit for each time it was generated.
    pub frequency_penalty: f32,
    /// Subtracted once from the logit of each generated token.
    pub presence_penalty: f32,
    /// Divides (or, for negative ones, multiplies) the logits of the last [`SamplingParams::REPETITION_WINDOW`] tokens;
    /// 1 is off.
    pub repetition_penalty: f32,
    /// Position of the first generated token.
    pub first_generated: usize,
    /// The seed of the random numbers, which also depend on a token's position and id.
    pub seed: u64,
}

impl SamplingParams {
    /// How far back the repetition penalty looks, in tokens.
    pub const REPETITION_WINDOW: usize = 64;

    /// The most likely token.
    pub const GREEDY: SamplingParams = SamplingParams {
        temperature: 0.0,
        min_p: 0.0,
        top_p: 1.0,
        top_k: 0,
        frequency_penalty: 0.0,
        presence_penalty: 0.0,
        repetition_penalty: 1.0,
        first_generated: 0,
        seed: 0,
    };
}

/// Sampling and decoding after a step.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DecodeRequest<'a> {
    /// The most tokens to sample, 1 to [`DecodeRequest::MAX_TOKENS`]. All but the last are also run; their positions
    /// must be below the context length.
    pub tokens: usize,
    /// Tokens after which sampling stops, at most [`DecodeRequest::MAX_STOPS`].
    pub stop: &'a [u32],
    /// Tokens that are never sampled, at most [`DecodeRequest::MAX_SUPPRESSED`].
    pub suppressed: &'a [u32],
    /// How to sample.
    pub sampling: SamplingParams,
}

impl DecodeRequest<'_> {
    /// The most tokens per request.
    pub const MAX_TOKENS: usize = 16;
    /// The most stop tokens.
    pub const MAX_STOPS: usize = 32;
    /// The most tokens that are never sampled.
    pub const MAX_SUPPRESSED: usize = 32;
    /// The most requests that a backend queues.
    pub const MAX_QUEUED: usize = 2;
}

/// A backend that samples tokens and runs them, so that a device does not wait for the host.
#[allow(async_fn_in_trait, reason = "futures in a page are not Send, and no caller needs them to be")]
pub trait DecodeAhead {
    /// [`Backend::Program`](crate::Backend::Program).
    type Program;

    /// Whether it can sample with these parameters.
    fn can_sample(&self, params: &SamplingParams) -> bool;

    /// Queues a step, the sampling of the next token, its step, and so on; [`DecodeAhead::poll_decode`] returns the
    /// sampled tokens. Without a `step` it continues after the last queued token, before its value is known. Up to
    /// [`DecodeRequest::MAX_QUEUED`] requests may be in flight.
    ///
    /// `step.want` is [`OutputRequest::Token`](crate::OutputRequest::Token). A [`Backend::run`](crate::Backend::run)
    /// drops queued tokens that were not polled; the KV cache is then valid up to the last polled token, and a graph
    /// with recurrent state must restart at 0. Otherwise such a graph continues after the tokens that were run, or
    /// restarts; it cannot repeat a part.
    ///
    /// # Errors
    /// As [`Backend::run`](crate::Backend::run); [`BackendError::Internal`] if [`DecodeAhead::can_sample`] is false.
    fn submit_decode(
        &mut self,
        program: &mut Self::Program,
        step: Option<Step<'_>>,
        request: DecodeRequest<'_>,
    ) -> Result<(), BackendError>;

    /// Waits for the tokens of the oldest request: as many as requested, or up to the first stop token; none if an
    /// earlier token was a stop token. All but the last of them have also been run.
    ///
    /// # Errors
    /// As [`Backend::run`](crate::Backend::run); [`BackendError::Internal`] if nothing is queued.
    async fn poll_decode(&mut self, program: &mut Self::Program) -> Result<Vec<u32>, BackendError>;
}

/// The [`DecodeAhead`] of backends without it: an empty type.
pub struct NoDecodeAhead<P>(Infallible, PhantomData<P>);

impl<P> DecodeAhead for NoDecodeAhead<P> {
    type Program = P;

    fn can_sample(&self, _: &SamplingParams) -> bool {
        match self.0 {}
    }

    fn submit_decode(
        &mut self,
        _: &mut P,
        _: Option<Step<'_>>,
        _: DecodeRequest<'_>,
    ) -> Result<(), BackendError> {
        match self.0 {}
    }

    async fn poll_decode(&mut self, _: &mut P) -> Result<Vec<u32>, BackendError> {
        match self.0 {}
    }
}
