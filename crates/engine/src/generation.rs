//! Generates one answer, token by token.

mod answer;
mod calls;
mod choose;
mod decode_batcher;
mod events;
mod formed;
mod held_calls;
mod sampler;
mod stop;
mod token_logprob;

use std::collections::VecDeque;
use std::sync::Arc;

use linnet_graph::{Backend, Counters, DecodeRequest, Output, OutputRequest};
use linnet_text::{ChatEnd, ChatParser, Constraint, ConstraintError, ConstraintSpec, Detokenizer};

use crate::engine::Engine;
use crate::prompt::{self, PreparedPrompt};
use crate::{Error, Request};
use answer::AnswerReader;
pub use calls::ToolCallDelta;
use calls::{Calls, Delta};
pub use decode_batcher::DecodeBatcher;
pub use events::{Done, Event, FinishReason, Timings, Usage, WorkPerToken};
use formed::FormedAnswer;
pub use sampler::Sampler;
pub(crate) use token_logprob::log_sum;
pub use token_logprob::{Logprobs, TokenLogprob};

/// Compiles a constraint for the model's vocabulary.
pub type Compile<'c> = dyn FnMut(&ConstraintSpec) -> Result<Box<dyn Constraint>, ConstraintError> + 'c;

/// The most tokens that a backend chooses at once where a form may refuse them.
const MOST_AHEAD: usize = 4;

/// The result of running the model.
enum Ran {
    /// A chunk of the prompt; more is left.
    Part(Event),
    /// The backend chose tokens, or the form of the answer did.
    Chosen,
    /// The next token.
    Token(u32, Option<Logprobs>),
}

/// An answer in progress.
///
/// It has no KV cache of its own: each step runs the tokens that the engine's session does not have. So a new
/// turn of a conversation only prefills what is new, and two generations may alternate.
pub struct Generation {
    tokens: Vec<u32>,
    prompt_len: usize,
    max_tokens: usize,
    ignore_eos: bool,
    sampler: Sampler,
    /// Number of top log probabilities per token, if requested.
    logprobs: Option<usize>,
    batcher: DecodeBatcher,
    /// Tokens that were sampled but not returned yet.
    chosen: VecDeque<u32>,
    /// When they arrived.
    came: Option<f64>,
    detokenizer: Detokenizer,
    /// UTF-16 code units returned so far.
    printed: usize,
    answer: AnswerReader,
    form: Option<FormedAnswer>,
    /// Tokens that the form leaves no choice about.
    forced: VecDeque<u32>,
    /// Whether the form refused the token that the backend chose at this place.
    was_refused: bool,
    /// Number of tokens of the reasoning.
    reasoning_tokens: usize,
    prompt_run: usize,
    /// The longest cache length at the end of a call so far.
    reached: usize,
    started: Option<f64>,
    first_token: Option<f64>,
    last_token: f64,
    /// The GPU work at the first token, and so far.
    counted: Option<[Counters; 2]>,
    end: Option<FinishReason>,
    cancelled: bool,
}

impl Generation {
    /// Starts an answer. `compile` makes its constraints.
    pub(crate) fn start<B: Backend>(
        engine: &Engine<B>,
        request: &Request,
        compile: Option<&mut Compile<'_>>,
    ) -> Result<Self, Error> {
        request.check()?;
        let PreparedPrompt { tokens, chat } = prompt::prepare(engine, request)?;
        let context_length = engine.session.context_length();
        if tokens.len() >= context_length {
            return Err(Error::ContextFull { prompt_tokens: tokens.len(), context_length });
        }
        let vocabulary = engine.config().vocab_size;
        if let Some((token, _)) = request.logit_bias.range(vocabulary as u32..).next() {
            let reason =
                format!("contains the token {token}, but the vocabulary has only {vocabulary} tokens");
            return Err(Error::invalid("logit_bias", reason));
        }
        let mut detokenizer = Detokenizer::new(Arc::clone(&engine.tokenizer));
        if let Some(last) = tokens.last().filter(|_| request.continues_a_text()) {
            // The space before its first word belongs to it.
            detokenizer = detokenizer.after(*last);
        }
        let form = match compile {
            Some(compile) => FormedAnswer::of(request, chat.as_ref(), &engine.tokenizer, compile)?,
            None => None,
        };
        let answer = match chat {
            Some(chat) => {
                detokenizer = detokenizer.showing(Arc::clone(chat.shown)).guarding();
                let most = if request.parallel_tool_calls == Some(false) { 1 } else { usize::MAX };
                let calls = Calls::new(chat.format.ids, (engine.platform.random_seed)(), most)
                    .after(chat.calls_before)
                    .with_late_ids(chat.format.has_late_ids());
                let controls = chat.shown.iter().filter_map(|token| engine.tokenizer.token_text(*token));
                let parser = chat.parser(request).with_control_tokens(controls.map(str::to_owned));
                AnswerReader::of_chat(&request.stop, parser, calls, chat.begun())
            }
            None => AnswerReader::of_text(&request.stop),
        };
        let recommended = &engine.recommended;
        let sampling = request.sampling.over(recommended.sampling).resolve();
        let seed = sampling.seed.unwrap_or_else(engine.platform.random_seed);
        let sampler = Sampler::new(sampling, seed)
            .with_bias(request.logit_bias.clone())
            .with_suppressed(&recommended.suppressed);
        Ok(Generation {
            prompt_len: tokens.len(),
            tokens,
            max_tokens: request.max_tokens.unwrap_or(usize::MAX),
            ignore_eos: request.ignore_eos,
            sampler,
            logprobs: request.logprobs,
            batcher: DecodeBatcher::new(engine.session.backend().capabilities().draws_screen),
            chosen: VecDeque::new(),
            came: None,
            detokenizer,
            printed: 0,
            answer,
            form,
            forced: VecDeque::new(),
            was_refused: false,
            reasoning_tokens: 0,
            prompt_run: 0,
            reached: 0,
            started: None,
            first_token: None,
            last_token: 0.0,
            counted: None,
            end: None,
            cancelled: false,
        })
    }

    /// The prompt tokens.
    pub fn prompt(&self) -> &[u32] {
        &self.tokens[..self.prompt_len]
    }

    /// The tokens generated so far.
    pub fn generated(&self) -> &[u32] {
        &self.tokens[self.prompt_len..]
    }

    /// Stops the answer: the next call of [`Generation::next`] returns [`Event::Done`].
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Runs one chunk of the prompt or one token, after restoring what another answer removed from the cache.
    /// If the backend sampled several tokens at once, the next calls only return them. After [`Event::Done`],
    /// returns that again.
    ///
    /// # Errors
    /// [`Error::Backend`]. The same call may be retried.
    pub async fn next<B: Backend>(&mut self, engine: &mut Engine<B>) -> Result<Event, Error> {
        let now = engine.platform.now_ms;
        let started = *self.started.get_or_insert_with(now);
        if self.cancelled {
            self.end.get_or_insert(FinishReason::Cancelled);
        } else if self.generated().len() >= self.max_tokens
            || self.tokens.len() > engine.session.context_length()
        {
            self.end.get_or_insert(FinishReason::Length);
        }
        if let Some(reason) = self.end {
            return Ok(Event::Done(self.done(reason, started)));
        }

        let (token, logprobs) = loop {
            if let Some(token) = self.next_chosen()? {
                break (token, None);
            }
            match self.run(engine).await? {
                Ran::Part(event) => return Ok(event),
                Ran::Chosen => {}
                Ran::Token(token, logprobs) => break (token, logprobs),
            }
        };
        self.was_refused = false;
        self.last_token = now();
        self.first_token.get_or_insert(self.last_token);
        self.tokens.push(token);
        if let Some(counters) = engine.session.backend().counters() {
            self.counted.get_or_insert([counters; 2])[1] = counters;
        }
        if engine.tokenizer.is_end_of_generation(token) && !self.ignore_eos {
            self.end = Some(FinishReason::Stop);
            return Ok(Event::Done(self.done(FinishReason::Stop, started)));
        }
        if let Some(form) = &mut self.form {
            form.commit(token, &mut self.answer)?;
        }
        let printed = self.detokenizer.push(token);
        let shown = printed.chars().filter(|c| *c != ChatParser::CONTROL);
        self.printed += shown.map(char::len_utf16).sum::<usize>();
        let (Delta { text, reasoning, tool_calls }, stopped) = self.answer.push(&printed);
        self.reasoning_tokens += usize::from(self.answer.is_reasoning() || !reasoning.is_empty());
        if stopped {
            self.end = Some(FinishReason::Stop);
        }
        self.follow_form()?;
        let left = self.forced.len() + self.chosen.len();
        Ok(Event::Token { text, reasoning, tool_calls, token, left, logprobs })
    }

    /// Runs a chunk of the prompt, or the rest of it and then up to several tokens.
    async fn run<B: Backend>(&mut self, engine: &mut Engine<B>) -> Result<Ran, Error> {
        let session = &mut engine.session;
        let sampling = self.sampler.params(self.prompt_len);
        let stop = if self.ignore_eos { &[] } else { engine.ends.as_slice() };
        // A backend that samples returns no logits.
        let mut by_itself = !self.sampler.needs_logits() && self.logprobs.is_none();
        let mut most = usize::MAX;
        if let Some(form) = self.form.as_mut().filter(|_| by_itself) {
            // Tokens that were computed ahead of a refused one are lost. Recurrent state that one has changed cannot be
            // restored.
            by_itself = !self.was_refused && !session.is_recurrent() && form.is_open(&self.answer)?;
            most = MOST_AHEAD;
        }
        let mut request = DecodeRequest { tokens: 1, stop, suppressed: self.sampler.suppressed(), sampling };
        let goes_on = by_itself && session.goes_on(&self.tokens, &request);
        let mut cached = if goes_on { self.tokens.len() - 1 } else { session.reuse(&self.tokens) };
        let now = engine.platform.now_ms;
        while self.tokens.len() - cached > session.chunker.chunk() {
            let (batch, before) = (session.chunker.chunk(), now());
            session.extend(&self.tokens[cached..cached + batch], OutputRequest::Nothing).await?;
            session.chunker.took(batch, now() - before);
            self.prompt_run += batch;
            cached += batch;
            // If a call only restored what another answer removed, two answers could block each other
            // forever.
            if cached > self.reached {
                self.reached = cached;
                return Ok(Ran::Part(Event::Prefill { done: cached, total: self.tokens.len() }));
            }
        }
        let rest = &self.tokens[cached..];
        let rest_len = rest.len();
        let generated = self.tokens.len() - self.prompt_len;
        let mut logprobs = None;
        let token = if by_itself && session.can_sample(&sampling) {
            let room = session.context_length() + 1 - self.tokens.len();
            let wanted = (self.max_tokens - generated).min(room).min(most);
            request.tokens = self.batcher.tokens().min(wanted);
            let begun = now();
            self.chosen = session.run_decode(rest, request, wanted).await?.into();
            let came = now();
            // While the device decodes ahead, it has worked since it returned the last tokens. The prompt's
            // time says nothing about a token's.
            let since = if goes_on { self.came.unwrap_or(begun) } else { begun };
            if rest_len == 1 {
                self.batcher.took(self.chosen.len(), came - since);
            }
            self.came = Some(came);
            None
        } else {
            let most_likely = self.sampler.is_argmax() && self.logprobs.is_none() && self.form.is_none();
            let want = if most_likely { OutputRequest::Token } else { OutputRequest::Logits(1) };
            match session.extend(rest, want).await? {
                Output::Token(token) => Some(token),
                Output::Logits(mut logits) => {
                    let raw = self.logprobs.map(|top| (top, logits.clone()));
                    self.sampler.adjust(&mut logits, &self.tokens, generated);
                    let token = self.draw(&logits)?;
                    logprobs = raw.zip(token).map(|((top, raw), token)| {
                        Logprobs::of(&raw, token, self.printed, top, &engine.tokenizer)
                    });
                    token
                }
                Output::None => None,
            }
        };
        if self.first_token.is_none() {
            self.prompt_run += rest_len;
        }
        self.reached = self.tokens.len();
        match token {
            Some(token) => Ok(Ran::Token(token, logprobs)),
            None if !self.chosen.is_empty() || !self.forced.is_empty() => Ok(Ran::Chosen),
            None => Err(Error::invalid("backend", "returned no token")),
        }
    }

    fn done(&mut self, finish_reason: FinishReason, started: f64) -> Done {
        let end = match finish_reason {
            FinishReason::Stop | FinishReason::ToolCalls => ChatEnd::Stopped,
            FinishReason::Length | FinishReason::Cancelled => ChatEnd::Length,
        };
        let Delta { text, reasoning, tool_calls } = self.answer.finish(&self.detokenizer.finish(), end);
        let finish_reason = match finish_reason {
            FinishReason::Stop if self.answer.calls_tools() => FinishReason::ToolCalls,
            reason => reason,
        };
        let (prompt_tokens, completion_tokens) = (self.prompt_len, self.generated().len());
        let prompt_ms = self.first_token.map_or(0.0, |t| t - started);
        let predicted_ms = self.first_token.map_or(0.0, |t| self.last_token - t);
        let after_first = completion_tokens.saturating_sub(1);
        let per_second = |n: usize, ms: f64| if ms > 0.0 { n as f64 * 1000.0 / ms } else { 0.0 };
        Done {
            finish_reason,
            text,
            reasoning,
            tool_calls,
            usage: Usage {
                prompt_tokens,
                completion_tokens,
                total_tokens: prompt_tokens + completion_tokens,
                reasoning_tokens: self.reasoning_tokens,
            },
            timings: Timings {
                prompt_n: self.prompt_run,
                prompt_ms,
                prompt_per_second: per_second(self.prompt_run, prompt_ms),
                predicted_n: completion_tokens,
                predicted_ms,
                predicted_per_second: per_second(completion_tokens, predicted_ms),
            },
            counters: self
                .counted
                .filter(|_| after_first > 0)
                .map(|[from, to]| WorkPerToken::between(&from, &to, after_first)),
        }
    }
}
