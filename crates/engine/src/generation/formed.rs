//! An answer that must have a form, or whose calls must fit. The form applies to the text of the answer: before it the
//! model may reason, or call a tool instead.

use std::sync::Arc;

use linnet_text::{Constraint, ConstraintError, ConstraintErrorCode, EncodeOptions, TokenMask, Tokenizer};

use super::answer::AnswerReader;
use super::held_calls::{self, HeldCalls};
use crate::chat::AnswerStart;
use crate::{Compile, Error, Request};

/// Whether a token may come next.
pub(super) enum Verdict {
    Allowed,
    Refused,
    /// These tokens come instead.
    Instead(Vec<u32>),
}

/// Where the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the form: in reasoning, or in what the format writes around it.
    Before,
    /// In the form.
    Within,
    /// There is no form, or the model calls a tool instead.
    Free,
}

/// A mark that the model may write before the form, or instead of it.
struct Opening {
    tokens: Vec<u32>,
    kind: OpeningKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpeningKind {
    Reasoning,
    Answer,
    Call,
}

/// The form of the text.
struct Form {
    constraint: Box<dyn Constraint>,
    /// The field of the request that says it.
    field: &'static str,
}

/// The form of an answer in progress.
pub(super) struct FormedAnswer {
    form: Option<Form>,
    calls: Option<HeldCalls>,
    tokenizer: Arc<Tokenizer>,
    phase: Phase,
    openings: Vec<Opening>,
    /// Whether a token of white space may come before the form, as models write it after reasoning.
    may_be_spaced: bool,
    /// The text that ends reasoning and begins the form.
    closing: String,
    /// The rest of an opening mark.
    rest: Vec<u32>,
}

impl FormedAnswer {
    /// `None` if the answer is free.
    pub(super) fn of(
        request: &Request,
        start: Option<&AnswerStart<'_>>,
        tokenizer: &Arc<Tokenizer>,
        compile: &mut Compile<'_>,
    ) -> Result<Option<Self>, Error> {
        let calls = match start {
            Some(start) => HeldCalls::new(request, start, tokenizer, compile)?,
            None => None,
        };
        let form = match request.form.as_ref().filter(|_| request.required_call().is_none()) {
            Some(form) => {
                let field = form.field;
                let constraint =
                    compile(&form.constraint).map_err(|error| Error::Constraint { field, error })?;
                Some(Form { constraint, field })
            }
            None => None,
        };
        let is_free = form.is_none() && calls.is_none();
        Ok((!is_free).then(|| Self::new(form, calls, start, request, Arc::clone(tokenizer))))
    }

    fn new(
        form: Option<Form>,
        calls: Option<HeldCalls>,
        start: Option<&AnswerStart<'_>>,
        request: &Request,
        tokenizer: Arc<Tokenizer>,
    ) -> Self {
        let mut openings = Vec::new();
        if let Some(start) = start.filter(|_| form.is_some()) {
            let mut add = |mark: &str, kind| {
                let options = EncodeOptions { add_special: false, parse_special: true };
                let tokens = tokenizer.encode(mark, options).unwrap_or_default();
                if !tokens.is_empty() {
                    openings.push(Opening { tokens, kind });
                }
            };
            start.reasoning_opens(request).into_iter().for_each(|mark| add(mark, OpeningKind::Reasoning));
            start.answer_opens().into_iter().for_each(|mark| add(mark, OpeningKind::Answer));
            start.call_opens(request).into_iter().for_each(|mark| add(mark, OpeningKind::Call));
        }
        FormedAnswer {
            phase: if form.is_some() { Phase::Before } else { Phase::Free },
            form,
            calls,
            tokenizer,
            openings,
            may_be_spaced: start.is_some_and(AnswerStart::is_inside_reasoning),
            closing: start.map_or_else(String::new, AnswerStart::end_of_reasoning),
            rest: Vec::new(),
        }
    }

    /// Whether `token` may come next, after the text that `answer` has read.
    pub(super) fn judge(&mut self, token: u32, answer: &AnswerReader) -> Result<Verdict, Error> {
        let is_allowed = match self.phase {
            Phase::Within => self.form(|form| form.allows(token))?,
            Phase::Free => {
                let free = Ok(Verdict::Allowed);
                return self.calls.as_mut().map_or(free, |calls| calls.judge(token, answer));
            }
            Phase::Before if answer.is_at_content() => {
                self.begins_with(token, answer)?
                    || self.opening(token, answer).is_some()
                    || self.may_be_spaced && self.is_space(token)
            }
            Phase::Before if !self.tokenizer.is_end_of_generation(token) => true,
            Phase::Before if answer.is_reasoning() && !self.closing.is_empty() => {
                let options = EncodeOptions { add_special: false, parse_special: true };
                return Ok(Verdict::Instead(self.tokenizer.encode(&self.closing, options)?));
            }
            Phase::Before => true,
        };
        Ok(if is_allowed { Verdict::Allowed } else { Verdict::Refused })
    }

    /// The tokens that may come next.
    pub(super) fn mask(&mut self, answer: &AnswerReader) -> Result<TokenMask, Error> {
        let mut mask = match self.phase {
            Phase::Free if let Some(calls) = &mut self.calls => return calls.mask(answer),
            Phase::Before if !Self::may_begin(&self.openings, answer) => {
                TokenMask::empty(self.tokenizer.vocab_size())
            }
            _ => self.form(|form| form.mask())?,
        };
        if self.phase == Phase::Before {
            for opening in self.openings.iter().filter(|opening| opening.is_open(answer)) {
                mask.insert(opening.tokens[0]);
            }
        }
        if mask.is_empty() {
            return Err(self.nothing_fits());
        }
        Ok(mask)
    }

    /// Whether most tokens may come next, so that the form is unlikely to refuse what the model wants.
    pub(super) fn is_open(&mut self, answer: &AnswerReader) -> Result<bool, Error> {
        let count = match (self.phase, &mut self.calls) {
            (Phase::Within, _) => self.form(|form| form.mask())?.len(),
            (Phase::Free, Some(calls)) => return calls.is_open(),
            (Phase::Free, None) => return Ok(true),
            (Phase::Before, _) => return Ok(!answer.is_at_content()),
        };
        Ok(count > self.tokenizer.vocab_size() / 2)
    }

    /// The error for an answer that no token continues.
    pub(super) fn nothing_fits(&self) -> Error {
        let reason = "no token of this model continues the answer";
        let error = ConstraintError::new(ConstraintErrorCode::Unsatisfiable, reason);
        Error::Constraint { field: self.form.as_ref().map_or(held_calls::FIELD, |form| form.field), error }
    }

    /// Goes on by a token that may come next. Call it before `answer` reads the token's text.
    pub(super) fn commit(&mut self, token: u32, answer: &mut AnswerReader) -> Result<(), Error> {
        match self.phase {
            Phase::Within => self.form(|form| form.commit(token)),
            Phase::Before if self.rest.is_empty() && answer.is_at_content() => {
                if self.begins_with(token, answer)? {
                    self.phase = Phase::Within;
                    answer.begin_form();
                    self.form(|form| form.commit(token))?;
                } else if let Some(at) = self.opening(token, answer) {
                    self.open(at);
                    if let (Phase::Free, Some(calls)) = (self.phase, &mut self.calls) {
                        calls.commit(token, answer)?;
                    }
                } else {
                    self.may_be_spaced = false;
                }
                Ok(())
            }
            Phase::Free => self.calls.as_mut().map_or(Ok(()), |calls| calls.commit(token, answer)),
            Phase::Before => Ok(()),
        }
    }

    /// The tokens that must come next; empty where the model has a choice. The last token of a forced text is left to
    /// the model if a longer one may come instead.
    pub(super) fn forced(&mut self) -> Result<Vec<u32>, Error> {
        if !self.rest.is_empty() {
            return Ok(std::mem::take(&mut self.rest));
        }
        let bytes = match (self.phase, &mut self.calls) {
            (Phase::Within, _) => self.form(|form| form.forced_bytes())?,
            (Phase::Free, Some(calls)) => calls.forced_bytes()?,
            _ => return Ok(Vec::new()),
        };
        let Some(text) = bytes.utf8_chunks().next().map(|chunk| chunk.valid()) else { return Ok(Vec::new()) };
        let mut tokens = self.tokenizer.encode_rest(text);
        let spelled = tokens.iter().filter_map(|token| self.tokenizer.token_bytes(*token));
        if spelled.flatten().ne(text.as_bytes()) {
            return Ok(Vec::new());
        }
        // The last one is decided once the others are committed.
        if tokens.len() > 1 || tokens.len() == 1 && self.may_exceed(text.len())? {
            tokens.pop();
        }
        Ok(tokens)
    }

    /// Whether a token of more than `length` bytes may come next.
    fn may_exceed(&mut self, length: usize) -> Result<bool, Error> {
        let mask = match (self.phase, &mut self.calls) {
            (Phase::Free, Some(calls)) => calls.constraint_mask()?,
            _ => self.form(|form| form.mask())?,
        };
        let bytes = |token| self.tokenizer.token_bytes(token).unwrap_or_default();
        Ok(mask.iter().any(|token| bytes(token).len() > length))
    }

    /// Whether the answer must end here.
    pub(super) fn is_finished(&mut self) -> Result<bool, Error> {
        match (self.phase, &mut self.calls) {
            (Phase::Within, _) => self.form(|form| form.is_finished()),
            (Phase::Free, Some(calls)) => calls.is_finished(),
            _ => Ok(false),
        }
    }

    /// Whether the form can begin with this token.
    fn begins_with(&mut self, token: u32, answer: &AnswerReader) -> Result<bool, Error> {
        let may_begin = Self::may_begin(&self.openings, answer);
        Ok(may_begin && self.form(|form| form.allows(token))?)
    }

    /// Whether the format lets the form begin here.
    fn may_begin(openings: &[Opening], answer: &AnswerReader) -> bool {
        answer.is_in_answer() || openings.iter().all(|opening| opening.kind != OpeningKind::Answer)
    }

    /// The place of the opening that begins with this token.
    fn opening(&self, token: u32, answer: &AnswerReader) -> Option<usize> {
        self.openings.iter().position(|opening| opening.tokens[0] == token && opening.is_open(answer))
    }

    fn open(&mut self, at: usize) {
        let Opening { tokens, kind } = &self.openings[at];
        self.rest = tokens[1..].to_vec();
        match kind {
            OpeningKind::Reasoning => {
                self.may_be_spaced = true;
                self.openings.retain(|opening| opening.kind != OpeningKind::Reasoning);
            }
            OpeningKind::Answer => {}
            OpeningKind::Call => self.phase = Phase::Free,
        }
    }

    fn is_space(&self, token: u32) -> bool {
        self.tokenizer
            .token_bytes(token)
            .is_some_and(|bytes| !bytes.is_empty() && bytes.iter().all(u8::is_ascii_whitespace))
    }

    /// Asks the form. Without one, nothing fits.
    fn form<T>(
        &mut self,
        ask: impl FnOnce(&mut dyn Constraint) -> Result<T, ConstraintError>,
    ) -> Result<T, Error> {
        match &mut self.form {
            Some(Form { constraint, field }) => {
                ask(&mut **constraint).map_err(|error| Error::Constraint { field, error })
            }
            None => Err(self.nothing_fits()),
        }
    }
}

impl Opening {
    /// Whether the model may write it after the text that `answer` has read.
    fn is_open(&self, answer: &AnswerReader) -> bool {
        self.kind != OpeningKind::Answer || !answer.is_in_answer()
    }
}
