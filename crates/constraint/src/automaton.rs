//! A constraint that llguidance enforces.

use std::convert::Infallible;
use std::fmt::Display;
use std::sync::Arc;

use linnet_text::{Constraint, ConstraintError, ConstraintErrorCode, TokenMask};
use llguidance::TokenParser;
use llguidance::api::{GrammarInit, StopReason};

use crate::vocabulary::Vocabulary;

/// A compiled constraint with the part of the answer written so far. A clone goes on from the same place.
#[derive(Clone)]
pub struct Automaton {
    parser: TokenParser,
    /// The parser before the first token.
    start: Box<TokenParser>,
    vocabulary: Arc<Vocabulary>,
    /// Whether a token that ends the answer was appended.
    ended: bool,
    failed: Option<ConstraintError>,
}

impl Automaton {
    /// `hard`: following a byte in a lexeme may take long.
    pub(crate) fn new(
        vocabulary: Arc<Vocabulary>,
        grammar: GrammarInit,
        hard: bool,
    ) -> Result<Self, ConstraintError> {
        match vocabulary.parser(grammar, hard) {
            Ok(parser) => {
                let start = Box::new(parser.clone());
                Ok(Self { parser, start, vocabulary, ended: false, failed: None })
            }
            Err(reason) => Err(ConstraintError::new(ConstraintErrorCode::TooComplex, first_line(&reason))),
        }
    }

    /// Calls llguidance. Most of its functions do not say that they exceeded a limit; then what they return is wrong.
    fn run<T, E: Display>(
        &mut self,
        work: impl FnOnce(&mut TokenParser) -> Result<T, E>,
    ) -> Result<T, ConstraintError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = work(&mut self.parser);
        let reason = match (result, self.parser.parser.get_error()) {
            (Ok(result), None) => return Ok(result),
            (_, Some(exceeded)) => exceeded.message(),
            (Err(error), None) => error.to_string(),
        };
        let reason = format!("the constraint needs too much work: {}", first_line(&reason));
        let error = ConstraintError::new(ConstraintErrorCode::TooComplex, reason);
        self.failed = Some(error.clone());
        Err(error)
    }

    /// Whether nothing may follow.
    fn is_stopped(&self) -> bool {
        self.parser.stop_reason() != StopReason::NotStopped
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
        if !self.run(|parser| parser.validate_token(token))? {
            return Ok(false);
        }
        self.run(|parser| parser.consume_token(token))?;
        self.run(TokenParser::check_stop)?;
        self.vocabulary.refuel(&mut self.parser);
        Ok(true)
    }
}

impl Constraint for Automaton {
    fn mask(&mut self) -> Result<TokenMask, ConstraintError> {
        let mut mask = if self.ended || self.failed.is_none() && self.is_stopped() {
            TokenMask::empty(self.vocabulary.len())
        } else {
            let set = self.run(TokenParser::compute_mask)?;
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
        self.run(|parser| parser.validate_token(token))
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
        let mut ahead = self.clone();
        ahead.run(|parser| Ok::<_, Infallible>(parser.force_bytes()))
    }

    fn is_accepting(&mut self) -> Result<bool, ConstraintError> {
        Ok(self.ended || self.run(|parser| Ok::<_, Infallible>(parser.is_accepting()))?)
    }

    fn restart(&mut self) {
        self.parser = (*self.start).clone();
        self.ended = false;
    }

    fn is_finished(&mut self) -> Result<bool, ConstraintError> {
        Ok(self.is_accepting()? && (self.ended || self.is_stopped()))
    }
}

impl std::fmt::Debug for Automaton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Automaton").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// llguidance appends its state to messages.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
