//! Tool calls that must fit the schemas of their tools. Outside of calls the model is free.

use std::sync::Arc;

use linnet_text::{
    CallKind, ChatFormat, Constraint, ConstraintError, ConstraintErrorCode, ConstraintSpec, ControlToken,
    Part, TokenMask, Tokenizer, marks_as_parts,
};

use super::answer::AnswerReader;
use super::formed::Verdict;
use crate::chat::AnswerStart;
use crate::{Compile, Error, Request};

/// The field of the request that says it.
pub(super) const FIELD: &str = "tools";

/// The calls of an answer in progress.
pub(super) struct HeldCalls {
    constraint: Box<dyn Constraint>,
    tokenizer: Arc<Tokenizer>,
    format: ChatFormat,
    /// The start of a call up to its name, as tokens, and texts that any tokens may spell.
    start: Vec<Part>,
    /// Control tokens in the format's marks, sorted.
    shown: Arc<[u32]>,
    /// Whether nothing follows a call.
    ends_answer: bool,
    /// Whether the answer is calls only, because the request requires one.
    is_required: bool,
    /// Whether the answer is in a call that the constraint follows.
    is_calling: bool,
    /// The tokens since the last place that was outside of calls and marks.
    pending: Vec<u32>,
    /// The tokens that were refused at this place.
    refused: Vec<u32>,
}

impl HeldCalls {
    /// `None` if the calls of the answer need not fit.
    pub(super) fn new(
        request: &Request,
        start: &AnswerStart<'_>,
        tokenizer: &Arc<Tokenizer>,
        compile: &mut Compile<'_>,
    ) -> Result<Option<Self>, Error> {
        if !request.holds_calls() {
            return Ok(None);
        }
        let tools = request.held_tools();
        let most = (request.parallel_tool_calls == Some(false)).then_some(1);
        let controls = controls(start.shown, tokenizer);
        let spec = start.format.calls_spec(tools, most, controls.clone());
        let ends_answer = spec.ends_answer();
        let constraint = match compile(&ConstraintSpec::Calls(Box::new(spec))) {
            Ok(constraint) => constraint,
            Err(error) if error.code == ConstraintErrorCode::Unsupported && error.path.is_empty() => {
                return Self::of_unknown_format(request, error);
            }
            Err(error) => return Err(failed(error)),
        };
        let text = start.format.call_start(None, &|_| String::new());
        let mut calls = HeldCalls {
            constraint,
            tokenizer: Arc::clone(tokenizer),
            format: start.format.clone(),
            start: marks_as_parts(text.trim_start(), &controls),
            shown: Arc::clone(start.shown),
            ends_answer,
            is_required: request.required_call().is_some(),
            is_calling: false,
            pending: Vec::new(),
            refused: Vec::new(),
        };
        if calls.is_required {
            calls.is_calling = true;
            for token in calls.tokens(start.begun().trim_start()) {
                if let Err(error) = calls.constraint.commit(token) {
                    return Self::of_unknown_format(request, error);
                }
            }
        }
        Ok(Some(calls))
    }

    /// The format of calls, not a schema, is in the way: then only strict tools are rejected.
    fn of_unknown_format(request: &Request, error: ConstraintError) -> Result<Option<Self>, Error> {
        if request.has_strict_tools() { Err(failed(error)) } else { Ok(None) }
    }

    /// Whether `token` may come next, after the text that `answer` has read.
    pub(super) fn judge(&mut self, token: u32, answer: &AnswerReader) -> Result<Verdict, Error> {
        let is_allowed = if self.is_calling {
            self.constraint.allows(token).map_err(failed)?
        } else {
            match self.call_after(token, answer) {
                // The model would go on in text.
                None if self.is_required && !self.tokenizer.is_end_of_generation(token) => {
                    let end = self.tokenizer.eos().filter(|end| self.tokenizer.is_end_of_generation(*end));
                    match end.filter(|_| !self.may_begin_call(token, answer)) {
                        Some(end) => return Ok(Verdict::Instead(vec![end])),
                        None => true,
                    }
                }
                None => true,
                Some((name, is_marked)) => {
                    let mut tokens = self.pending.clone();
                    tokens.push(token);
                    self.follows(&tokens, &name)? || name.is_empty() && !is_marked
                }
            }
        };
        if is_allowed {
            return Ok(Verdict::Allowed);
        }
        self.refused.push(token);
        Ok(Verdict::Refused)
    }

    /// The tokens that may come next. Outside of calls, some of them may still be refused.
    pub(super) fn mask(&mut self, answer: &AnswerReader) -> Result<TokenMask, Error> {
        if !self.is_calling {
            let pending = self.pending.clone();
            let is_in_call = answer.call_after("").is_some() && self.follows(&pending, "")?;
            if !is_in_call {
                let all = 0..self.tokenizer.vocab_size() as u32;
                let mut mask = TokenMask::empty(self.tokenizer.vocab_size());
                all.filter(|token| !self.refused.contains(token)).for_each(|token| mask.insert(token));
                return Ok(mask);
            }
        }
        self.constraint_mask()
    }

    /// The tokens that may come next in a call.
    pub(super) fn constraint_mask(&mut self) -> Result<TokenMask, Error> {
        self.constraint.mask().map_err(failed)
    }

    /// Whether most tokens may come next.
    pub(super) fn is_open(&mut self) -> Result<bool, Error> {
        if !self.is_calling {
            return Ok(true);
        }
        Ok(self.constraint_mask()?.len() > self.tokenizer.vocab_size() / 2)
    }

    /// Goes on by a token that may come next. Call it before `answer` reads the token's text.
    pub(super) fn commit(&mut self, token: u32, answer: &AnswerReader) -> Result<(), Error> {
        self.refused.clear();
        if self.is_calling {
            return self.constraint.commit(token).map_err(failed);
        }
        if answer.is_settled() {
            self.pending.clear();
        }
        self.pending.push(token);
        if let Some((name, _)) = self.call_after(token, answer)
            && !name.is_empty()
        {
            let pending = std::mem::take(&mut self.pending);
            self.is_calling = self.follows(&pending, &name)?;
        }
        Ok(())
    }

    /// The bytes that must come next.
    pub(super) fn forced_bytes(&mut self) -> Result<Vec<u8>, Error> {
        if self.is_calling { self.constraint.forced_bytes().map_err(failed) } else { Ok(Vec::new()) }
    }

    /// Whether the answer must end here.
    pub(super) fn is_finished(&mut self) -> Result<bool, Error> {
        if !self.is_calling || !self.constraint.is_finished().map_err(failed)? {
            return Ok(false);
        }
        self.is_calling = false;
        Ok(self.ends_answer)
    }

    /// The call that would be read after a token.
    fn call_after(&self, token: u32, answer: &AnswerReader) -> Option<(String, bool)> {
        answer.call_after(&self.text(token, answer))
    }

    /// Whether a call may still follow a token: it is white space, or the start of a mark.
    fn may_begin_call(&self, token: u32, answer: &AnswerReader) -> bool {
        let text = self.text(token, answer);
        text.trim().is_empty() || !answer.is_settled_after(&text)
    }

    /// The text of a token as the parser reads it.
    fn text(&self, token: u32, answer: &AnswerReader) -> String {
        match self.tokenizer.token_text(token) {
            Some(text) if self.tokenizer.is_control(token) => match self.shown.binary_search(&token) {
                Ok(_) => answer.guarded(text),
                Err(_) => String::new(),
            },
            _ => {
                let bytes = self.tokenizer.token_bytes(token).unwrap_or_default();
                String::from_utf8_lossy(bytes).into_owned()
            }
        }
    }

    /// Whether the call that these tokens begin fits. `name` is its function's, if it is known.
    fn follows(&mut self, tokens: &[u32], name: &str) -> Result<bool, Error> {
        let tokens = if self.format.calls.kind == CallKind::Harmony {
            // The fields of a header come in any order.
            let start = self.format.call_start((!name.is_empty()).then_some(name), &|_| String::new());
            self.tokens(&start)
        } else {
            match self.tokens_of_call(tokens) {
                Some(tokens) => tokens,
                None => return Ok(false),
            }
        };
        self.constraint.restart();
        for token in tokens {
            if !self.constraint.allows(token).map_err(failed)? {
                return Ok(false);
            }
            self.constraint.commit(token).map_err(failed)?;
        }
        Ok(true)
    }

    /// The tokens from the one that begins the call. If it begins within a token, others spell the rest of that.
    fn tokens_of_call(&self, tokens: &[u32]) -> Option<Vec<u32>> {
        let start = match self.start.first()? {
            Part::Token(first) => {
                return tokens.iter().position(|token| token == first).map(|at| tokens[at..].to_vec());
            }
            Part::Text(text) => text.as_bytes(),
            _ => return None,
        };
        let bytes = |token: &u32| -> &[u8] {
            let text = self.tokenizer.token_bytes(*token).unwrap_or_default();
            if self.tokenizer.is_control(*token) { &[] } else { text }
        };
        let all: Vec<u8> = tokens.iter().flat_map(bytes).copied().collect();
        let agree = |at: &usize| all[*at..].iter().zip(start).all(|(a, b)| a == b);
        let mut begin = (0..all.len()).find(agree)?;
        let mut rest = tokens.iter();
        while let Some(token) = rest.next() {
            let text = bytes(token);
            if begin < text.len() {
                let first = if begin == 0 {
                    vec![*token]
                } else {
                    self.tokenizer.encode_rest(std::str::from_utf8(&text[begin..]).ok()?)
                };
                return Some(first.into_iter().chain(rest.copied()).collect());
            }
            begin -= text.len();
        }
        None
    }

    /// The tokens of a text of marks.
    fn tokens(&self, text: &str) -> Vec<u32> {
        let parts = marks_as_parts(text, &controls(&self.shown, &self.tokenizer));
        let tokens = parts.iter().flat_map(|part| match part {
            Part::Token(token) => vec![*token],
            Part::Text(text) => self.tokenizer.encode_rest(text),
            _ => Vec::new(),
        });
        tokens.collect()
    }
}

fn controls(shown: &[u32], tokenizer: &Tokenizer) -> Vec<ControlToken> {
    let control = |&id: &u32| {
        let text = tokenizer.token_text(id)?.to_owned();
        Some(ControlToken { id, text, ends: tokenizer.is_end_of_generation(id) })
    };
    shown.iter().filter_map(control).collect()
}

fn failed(error: ConstraintError) -> Error {
    Error::Constraint { field: FIELD, error }
}
