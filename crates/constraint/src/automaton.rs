//! A constraint that llguidance enforces.

use std::sync::Arc;

use linnet_text::{Constraint, ConstraintError, ConstraintErrorCode, TokenMask};
use llguidance::Matcher;
use llguidance::api::GrammarInit;

use crate::vocabulary::Vocabulary;

/// A compiled constraint with the part of the answer written so far. A clone goes on from the same place.
#[derive(Clone)]
pub struct Automaton {
    matcher: Matcher,
    vocabulary: Arc<Vocabulary>,
    /// Whether a token that ends the answer was appended.
    ended: bool,
}

impl Automaton {
    pub(crate) fn new(vocabulary: Arc<Vocabulary>, grammar: GrammarInit) -> Result<Self, ConstraintError> {
        let parser = vocabulary.factory().create_parser_from_init_default(grammar);
        let matcher = Matcher::new(parser);
        match matcher.get_error() {
            Some(reason) => Err(ConstraintError::new(ConstraintErrorCode::TooComplex, first_line(&reason))),
            None => Ok(Self { matcher, vocabulary, ended: false }),
        }
    }

    /// Appends a token if the constraint allows it, and says whether it does.
    ///
    /// # Errors
    /// [`ConstraintErrorCode::TooComplex`] if that exceeds the limits.
    pub fn try_commit(&mut self, token: u32) -> Result<bool, ConstraintError> {
        if self.vocabulary.ends().contains(&token) {
            self.ended |= self.is_accepting()?;
            return Ok(self.ended);
        }
        if self.ended || self.vocabulary.text(token).is_empty() {
            return Ok(false);
        }
        Ok(self.matcher.try_consume_tokens(&[token]).map_err(failed)? == 1)
    }
}

impl Constraint for Automaton {
    fn mask(&mut self) -> Result<TokenMask, ConstraintError> {
        let mut mask = if self.ended || self.matcher.is_stopped() && !self.matcher.is_error() {
            TokenMask::empty(self.vocabulary.len())
        } else {
            let set = self.matcher.compute_mask().map_err(failed)?;
            let mut words = set.as_slice().to_vec();
            words.resize(self.vocabulary.len().div_ceil(32), 0);
            TokenMask::from_words(words)
        };
        if self.is_accepting()? {
            self.vocabulary.ends().iter().for_each(|&end| mask.insert(end));
        }
        Ok(mask)
    }

    fn allows(&mut self, token: u32) -> Result<bool, ConstraintError> {
        if self.vocabulary.ends().contains(&token) {
            return self.is_accepting();
        }
        if self.ended || self.vocabulary.text(token).is_empty() {
            return Ok(false);
        }
        Ok(self.matcher.validate_tokens(&[token]).map_err(failed)? == 1)
    }

    fn commit(&mut self, token: u32) -> Result<(), ConstraintError> {
        if self.try_commit(token)? {
            return Ok(());
        }
        let reason = format!("the token {token} does not fit the constraint");
        Err(ConstraintError::new(ConstraintErrorCode::NotAllowed, reason))
    }

    fn forced_bytes(&mut self) -> Result<Vec<u8>, ConstraintError> {
        if self.ended {
            return Ok(Vec::new());
        }
        // Forcing changes the parser's state, so that later masks would begin after the forced bytes.
        let mut ahead = self.matcher.clone();
        let bytes = ahead.compute_ff_bytes();
        ahead.get_error().map_or(Ok(bytes), |reason| Err(failed(reason)))
    }

    fn is_accepting(&mut self) -> Result<bool, ConstraintError> {
        Ok(self.ended || self.matcher.is_accepting().map_err(failed)?)
    }

    fn is_finished(&mut self) -> Result<bool, ConstraintError> {
        Ok(self.ended || self.matcher.is_stopped() && self.is_accepting()?)
    }
}

impl std::fmt::Debug for Automaton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Automaton").field("ended", &self.ended).finish_non_exhaustive()
    }
}

fn failed(error: impl std::fmt::Display) -> ConstraintError {
    let reason = format!("the constraint needs too much work: {}", first_line(&error.to_string()));
    ConstraintError::new(ConstraintErrorCode::TooComplex, reason)
}

/// llguidance appends its state to messages.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
