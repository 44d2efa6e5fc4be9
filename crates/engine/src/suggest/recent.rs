//! What was run lately.

use std::collections::VecDeque;

use linnet_text::Tokenizer;

use super::text::{is_border, text_of};

/// The logits after some texts that were run lately.
#[derive(Default)]
pub(crate) struct Recent {
    /// The one that was asked for last comes first.
    entries: VecDeque<(Vec<u32>, Vec<f32>)>,
    /// Made when it is needed first.
    vocabulary: Option<Vocabulary>,
}

/// What is known of each token.
pub(super) struct Vocabulary {
    /// Whether a word before it has ended.
    borders: Vec<bool>,
    /// What its text begins with: a character in lower case, or [`NO_TEXT`].
    firsts: Vec<char>,
}

/// In place of the first character of what is no text.
const NO_TEXT: char = '\0';

impl Vocabulary {
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        let tokens = 0..tokenizer.vocab_size() as u32;
        let first = |token| text_of(token, tokenizer)?.chars().next();
        Self {
            borders: tokens.clone().map(|token| is_border(token, tokenizer)).collect(),
            firsts: tokens.map(|token| first(token).map_or(NO_TEXT, lower)).collect(),
        }
    }

    /// Whether a token may come where `next` was typed, or where a word goes on or begins.
    pub(super) fn may_continue(&self, token: u32, next: Option<char>) -> bool {
        match (self.firsts.get(token as usize), next) {
            (None | Some(&NO_TEXT), _) => false,
            (Some(&first), Some(next)) => first == lower(next),
            // A word may begin after a space.
            (Some(&first), None) => {
                first == ' ' || !self.borders.get(token as usize).is_some_and(|border| *border)
            }
        }
    }

    /// The logarithms of the sums of what the logits are logarithms of: of all, and of tokens before which a word has ended.
    pub(super) fn log_sums(&self, logits: &[f32]) -> (f64, f64) {
        let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut all, mut ends) = (0.0, 0.0);
        for (at, logit) in logits.iter().enumerate() {
            let share = f64::from((logit - greatest).exp());
            if share.is_nan() {
                continue;
            }
            all += share;
            // Rows of the table that are no tokens end a word, too.
            if self.borders.get(at).copied().unwrap_or(true) {
                ends += share;
            }
        }
        let greatest = f64::from(greatest);
        (greatest + all.ln(), greatest + ends.ln())
    }
}

/// A character's lower case, or what that begins with.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl Recent {
    /// Numbers that are kept, at most: 4 MiB of them.
    const MOST: usize = 1 << 20;
    /// At least this many are kept, whatever their size: those for a word's beginnings, and where it begins.
    const LEAST_ENTRIES: usize = 6;

    /// The logits after these tokens.
    pub(super) fn get(&mut self, tokens: &[u32], tokenizer: &Tokenizer) -> Option<(&[f32], &Vocabulary)> {
        self.touch(tokens)?;
        let vocabulary = self.vocabulary.get_or_insert_with(|| Vocabulary::of(tokenizer));
        Some((self.entries.front()?.1.as_slice(), vocabulary))
    }

    /// Brings these tokens' logits to the front, if they are there.
    fn touch(&mut self, tokens: &[u32]) -> Option<()> {
        let at = self.entries.iter().position(|(known, _)| known == tokens)?;
        let entry = self.entries.remove(at)?;
        self.entries.push_front(entry);
        Some(())
    }

    pub(super) fn keep(&mut self, tokens: Vec<u32>, logits: Vec<f32>) {
        let room = (Self::MOST / logits.len().max(1)).max(Self::LEAST_ENTRIES);
        self.entries.push_front((tokens, logits));
        self.entries.truncate(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_run_lately_is_kept() {
        let mut recent = Recent::default();
        for token in 0..8 {
            recent.keep(vec![token], vec![0.0; Recent::MOST / 2]);
            assert!(recent.touch(&[0]).is_some());
        }
        assert_eq!(recent.entries.len(), Recent::LEAST_ENTRIES);
        assert!(recent.touch(&[7]).is_some() && recent.touch(&[1]).is_none());
    }

    #[test]
    fn a_word_ends_as_likely_as_the_tokens_that_end_it() {
        let vocabulary = Vocabulary { borders: vec![true, false, true], firsts: Vec::new() };
        let (all, ends) = vocabulary.log_sums(&[1.0, 2.0, 3.0, f32::NAN]);
        let [a, b, c] = [1.0_f64, 2.0, 3.0].map(f64::exp);
        assert!((all - (a + b + c).ln()).abs() < 1e-6 && (ends - (a + c).ln()).abs() < 1e-6);
    }
}
