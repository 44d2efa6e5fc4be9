//! A cache of recent results.

use std::collections::VecDeque;

use linnet_text::Tokenizer;

use super::text::{is_border, text_of};

/// The logits after some recent texts.
#[derive(Default)]
pub(crate) struct Recent {
    /// Most recently used first.
    entries: VecDeque<(Vec<u32>, Vec<f32>)>,
    /// Created on first use.
    vocabulary: Option<Vocabulary>,
}

/// Properties of each token.
pub(super) struct Vocabulary {
    /// Whether the previous word has ended before it.
    borders: Vec<bool>,
    /// Its first character in lower case, or [`NO_TEXT`].
    firsts: Vec<char>,
}

/// In place of the first character if the token has no text.
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

    /// Whether a token may follow if `next` was typed, or where a word continues or starts.
    pub(super) fn may_continue(&self, token: u32, next: Option<char>) -> bool {
        match (self.firsts.get(token as usize), next) {
            (None | Some(&NO_TEXT), _) => false,
            (Some(&first), Some(next)) => first == lower(next),
            // A word may start after a space.
            (Some(&first), None) => {
                first == ' ' || !self.borders.get(token as usize).is_some_and(|border| *border)
            }
        }
    }

    /// The log-sum-exp of the logits: of all, and of tokens that end the previous word.
    pub(super) fn log_sums(&self, logits: &[f32]) -> (f64, f64) {
        let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut all, mut ends) = (0.0, 0.0);
        for (at, logit) in logits.iter().enumerate() {
            let share = f64::from((logit - greatest).exp());
            if share.is_nan() {
                continue;
            }
            all += share;
            // Table rows without a token end a word, too.
            if self.borders.get(at).copied().unwrap_or(true) {
                ends += share;
            }
        }
        let greatest = f64::from(greatest);
        (greatest + all.ln(), greatest + ends.ln())
    }
}

/// A character's lower case, or the first character of that.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

impl Recent {
    /// Maximum number of logits to keep: 4 MiB.
    const MOST: usize = 1 << 20;
    /// Minimum number of entries, whatever their size: those for a word's prefixes and its start.
    const LEAST_ENTRIES: usize = 6;

    /// The logits after these tokens.
    pub(super) fn get(&mut self, tokens: &[u32], tokenizer: &Tokenizer) -> Option<(&[f32], &Vocabulary)> {
        self.touch(tokens)?;
        let vocabulary = self.vocabulary.get_or_insert_with(|| Vocabulary::of(tokenizer));
        Some((self.entries.front()?.1.as_slice(), vocabulary))
    }

    /// Moves these tokens' logits to the front, if they are cached.
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
    fn recent_results_are_kept() {
        let mut recent = Recent::default();
        for token in 0..8 {
            recent.keep(vec![token], vec![0.0; Recent::MOST / 2]);
            assert!(recent.touch(&[0]).is_some());
        }
        assert_eq!(recent.entries.len(), Recent::LEAST_ENTRIES);
        assert!(recent.touch(&[7]).is_some() && recent.touch(&[1]).is_none());
    }

    #[test]
    fn a_words_end_has_the_probability_of_its_end_tokens() {
        let vocabulary = Vocabulary { borders: vec![true, false, true], firsts: Vec::new() };
        let (all, ends) = vocabulary.log_sums(&[1.0, 2.0, 3.0, f32::NAN]);
        let [a, b, c] = [1.0_f64, 2.0, 3.0].map(f64::exp);
        assert!((all - (a + b + c).ln()).abs() < 1e-6 && (ends - (a + c).ln()).abs() < 1e-6);
    }
}
