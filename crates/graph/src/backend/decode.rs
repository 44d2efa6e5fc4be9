//! Letting a backend choose tokens by itself and run them, several before anybody looks.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::backend::error::BackendError;
use crate::backend::step::Step;

/// How the next token is drawn from the logits.
///
/// The token for a position depends on the logits, on the tokens before it and on the seed, and on nothing else:
/// neither on how many tokens were asked for at once nor on what was drawn before. Filters and penalties apply in the
/// order of the fields, from the last to the first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SamplingParams {
    /// Divides the logits of what the filters keep; 0 chooses the most likely token.
    pub temperature: f32,
    /// Drop tokens less likely than this share of the most likely one.
    pub min_p: f32,
    /// Keep the most likely tokens that together have this probability; 1 keeps all.
    pub top_p: f32,
    /// Keep only the so many most likely tokens; 0 keeps all.
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
    /// What the random numbers depend on, with a token's position and id.
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

/// What a backend is to do behind a step by itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DecodeRequest<'a> {
    /// The most tokens to choose, 1 to [`DecodeRequest::MAX_TOKENS`]. Each but the last is also run, and must lie below
    /// the context length.
    pub tokens: usize,
    /// Tokens after which no more are chosen, at most [`DecodeRequest::MAX_STOPS`].
    pub stop: &'a [u32],
    /// How they are chosen.
    pub sampling: SamplingParams,
}

impl DecodeRequest<'_> {
    /// The most tokens that may be chosen at once.
    pub const MAX_TOKENS: usize = 16;
    /// The most tokens that may end them.
    pub const MAX_STOPS: usize = 32;
    /// How many such requests a backend queues.
    pub const MAX_QUEUED: usize = 2;
}

/// A backend that chooses tokens and runs them by itself, so that a device need not wait for the host.
#[allow(async_fn_in_trait, reason = "futures in a page are not Send, and no caller needs them to be")]
pub trait DecodeAhead {
    /// [`Backend::Program`](crate::Backend::Program).
    type Program;

    /// Whether it can choose tokens by these parameters.
    fn can_sample(&self, params: &SamplingParams) -> bool;

    /// Queues a step, the choice of the next token, the step of that, and so on; [`DecodeAhead::poll_decode`] gives out
    /// what was chosen. Without a `step` it goes on with the token that was queued last, before anybody knows it. Up to
    /// [`DecodeRequest::MAX_QUEUED`] such requests may be under way.
    ///
    /// `step.want` is [`OutputRequest::Token`](crate::OutputRequest::Token). Any other step drops what is queued and
    /// was not taken; the KV cache then holds nothing of use after the tokens that were, and a graph with recurrent
    /// state starts again at 0. Otherwise such a graph goes on after the tokens that were run, or starts again; it does
    /// not repeat a part.
    ///
    /// # Errors
    /// As [`Backend::run`](crate::Backend::run); [`BackendError::Internal`] where [`DecodeAhead::can_sample`] says no.
    fn submit_decode(
        &mut self,
        program: &mut Self::Program,
        step: Option<Step<'_>>,
        request: DecodeRequest<'_>,
    ) -> Result<(), BackendError>;

    /// Waits for the tokens that were queued first: as many as asked for, or up to the first of `request.stop`; none
    /// where a token before them was one of those. All but the last of them have been run, too.
    ///
    /// # Errors
    /// As [`Backend::run`](crate::Backend::run); [`BackendError::Internal`] where nothing is queued.
    async fn poll_decode(&mut self, program: &mut Self::Program) -> Result<Vec<u32>, BackendError>;
}

/// The [`DecodeAhead`] of backends that cannot: it has no values.
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
