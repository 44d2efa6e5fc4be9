//! The next token, as the form of the answer allows it.

use super::formed::Verdict;
use super::{FinishReason, Generation};
use crate::Error;

/// How often a token is drawn again because it was refused.
const DRAWS: usize = 64;

impl Generation {
    /// The next token that was chosen before, unless the form refuses it.
    pub(super) fn next_chosen(&mut self) -> Result<Option<u32>, Error> {
        if let Some(token) = self.forced.pop_front() {
            return Ok(Some(token));
        }
        let Some(token) = self.chosen.pop_front() else { return Ok(None) };
        let Some(form) = &mut self.form else { return Ok(Some(token)) };
        match form.judge(token, &self.answer)? {
            Verdict::Allowed => return Ok(Some(token)),
            Verdict::Refused => self.was_refused = true,
            Verdict::Instead(tokens) => self.forced = tokens.into(),
        }
        self.chosen.clear();
        Ok(self.forced.pop_front())
    }

    /// After a token: ends the answer if its form is complete, and takes the tokens that the form forces.
    pub(super) fn follow_form(&mut self) -> Result<(), Error> {
        let Some(form) = self.form.as_mut().filter(|_| self.forced.is_empty()) else { return Ok(()) };
        if form.is_finished()? {
            self.end.get_or_insert(FinishReason::Stop);
        } else if self.logprobs.is_none() {
            self.forced = form.forced()?.into();
            if !self.forced.is_empty() {
                self.chosen.clear();
            }
        }
        Ok(())
    }

    /// Draws the next token from adjusted logits. A form is asked about the token that would be drawn without it, and
    /// only if it refuses that, for all that it allows. `None` if it forces others.
    pub(super) fn draw(&mut self, logits: &[f32]) -> Result<Option<u32>, Error> {
        let position = self.tokens.len();
        let mut token = self.sampler.draw(logits, position, None);
        let Some(form) = &mut self.form else { return Ok(Some(token)) };
        for _ in 0..DRAWS {
            match form.judge(token, &self.answer)? {
                Verdict::Allowed => return Ok(Some(token)),
                Verdict::Refused => {
                    let mask = form.mask(&self.answer)?;
                    token = self.sampler.draw(logits, position, Some(&mask));
                }
                Verdict::Instead(tokens) => {
                    self.forced = tokens.into();
                    return Ok(None);
                }
            }
        }
        Err(form.nothing_fits())
    }
}
