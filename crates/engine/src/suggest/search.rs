//! Finds the most likely words in order.
//!
//! A word's probability is the product of its tokens' probabilities and the probability that no further token
//! of a word follows. A prefix is at least as likely as any word that starts with it, so expanding prefixes
//! in order of probability finds words in that order, too.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use linnet_text::Tokenizer;

use super::recent::Vocabulary;
use super::text::{Fit, Target, text_of};

/// Number of tokens to consider at the start of a word: they may lead to the same words, or to none.
const BEGINNINGS: usize = 8;
/// Number of tokens to consider inside a word.
const CONTINUATIONS: usize = 4;
/// Number of tokens to consider that only cover part of the typed text. Most words start with a token that
/// covers more.
const PARTS: usize = 3;
/// Maximum number of tokens in a word.
pub(super) const MOST_TOKENS: usize = 8;
/// Maximum number of prefixes to expand before the first word; afterwards, a few per requested word.
const MOST_RUNS: usize = 20;
/// Words that are less likely than the best one by more than this factor are dropped.
const LEAST: f64 = 1.0 / 300.0;
/// Minimum probability that a word continues and ends after the token that ends the typed text: `forward` is
/// not the start of `forwardward`.
const LEAST_END: f64 = 1.0 / 50.0;
/// Minimum probability of a word that continues the typed text, which itself may be unlikely: above most
/// others.
const LEAST_INSIDE: f64 = 1.0 / 4.0;

/// A prefix of a word, or a word.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Path {
    /// Its log probability.
    score: f64,
    /// Log probability of what follows the token that ends the typed text, or starts the word.
    end: f64,
    /// The word's tokens, without the previous ones.
    pub(super) tokens: Vec<u32>,
    /// Bytes of the typed text that they cover.
    covered: usize,
    /// Their text after that.
    text: String,
    /// Whether the word ends here.
    whole: bool,
}

impl Eq for Path {}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    /// By probability; on a tie the shorter one, then the one with the lower tokens.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(self.whole.cmp(&other.whole)).then_with(|| other.tokens.cmp(&self.tokens))
    }
}

/// The next action of a search.
pub(super) enum Next {
    /// Run the model to get the logits after this.
    Run(Path),
    /// A word, without the typed text.
    Word(String),
    /// No more words.
    Nothing,
}

/// A search for words.
pub(super) struct Search {
    paths: BinaryHeap<Path>,
    /// The score of the first word, or its replacement.
    best: Option<f64>,
    /// Minimum log probability of a word relative to that.
    least: f64,
    /// The minimum for a word's end.
    least_end: f64,
    /// Remaining prefixes to expand.
    left: usize,
    /// The same after the first word.
    left_after: usize,
}

impl Search {
    /// A search for this many words.
    pub(super) fn new(words: usize) -> Self {
        Self::from(0, words, None, LEAST_END)
    }

    /// A search for this many words that continue the whole typed text.
    pub(super) fn inside(words: usize, target: &Target) -> Self {
        Self::from(target.typed.len(), words, Some(0.0), LEAST_INSIDE)
    }

    fn from(covered: usize, words: usize, best: Option<f64>, least_end: f64) -> Self {
        let root =
            Path { score: 0.0, end: 0.0, tokens: Vec::new(), covered, text: String::new(), whole: false };
        Self {
            paths: BinaryHeap::from([root]),
            best,
            least: LEAST.ln(),
            least_end: least_end.ln(),
            left: MOST_RUNS,
            left_after: 2 * words,
        }
    }

    /// Takes the most likely path. `is_spelled` says whether these tokens are the tokenization of their text:
    /// the model was not trained on others that spell the same, so its logits after them mean nothing.
    pub(super) fn next(&mut self, is_spelled: impl Fn(&[u32]) -> bool) -> Next {
        loop {
            let Some(path) = self.paths.pop() else { return Next::Nothing };
            if self.best.is_some_and(|best| path.score < best + self.least) {
                return Next::Nothing;
            }
            if path.whole && !is_spelled(&path.tokens) {
                continue;
            }
            if path.whole {
                self.best.get_or_insert(path.score);
                self.left = self.left.min(std::mem::replace(&mut self.left_after, usize::MAX));
                return Next::Word(path.text);
            }
            // Words from an unexpanded prefix are less likely than what this path may become.
            return if self.left > 0 { Next::Run(path) } else { Next::Nothing };
        }
    }

    /// Puts back a path that could not be expanded.
    pub(super) fn put_back(&mut self, path: Path) {
        self.paths.push(path);
    }

    /// Expands a path.
    pub(super) fn expand(
        &mut self,
        path: Path,
        logits: &[f32],
        vocabulary: &Vocabulary,
        target: &Target,
        tokenizer: &Tokenizer,
    ) {
        self.left = self.left.saturating_sub(1);
        let (all, borders) = vocabulary.log_sums(logits);
        let begun = path.covered == target.typed.len() && !(path.text.is_empty() && target.begun.is_empty());
        if begun && !path.tokens.is_empty() {
            let ends = borders - all;
            self.push(Path { score: path.score + ends, end: path.end + ends, whole: true, ..path.clone() });
        }
        if path.tokens.len() == MOST_TOKENS {
            return;
        }
        let next = target.typed[path.covered..].chars().next();
        let fit = |token: u32| {
            // Called for most tokens of the vocabulary, so cheap checks come first.
            if !vocabulary.may_continue(token, next) {
                return None;
            }
            target.fit(path.covered, &path.text, text_of(token, tokenizer)?)
        };
        let is_part = |fit: &Fit<'_>| fit.covered < target.typed.len();
        let wholes = best(logits, if begun { CONTINUATIONS } else { BEGINNINGS }, |token| {
            fit(token).filter(|fit| !is_part(fit))
        });
        let parts = match next {
            Some(_) => best(logits, PARTS, |token| fit(token).filter(is_part)),
            None => Vec::new(),
        };
        for (logit, token, fit) in wholes.into_iter().chain(parts) {
            let Fit { covered, added } = fit;
            let mut tokens = path.tokens.clone();
            tokens.push(token);
            let likely = f64::from(logit) - all;
            let (score, end) = (path.score + likely, path.end + if begun { likely } else { 0.0 });
            self.push(Path { score, end, tokens, covered, text: path.text.clone() + added, whole: false });
        }
    }

    fn push(&mut self, path: Path) {
        if path.end >= self.least_end {
            self.paths.push(path);
        }
    }
}

/// The `count` largest logits of matching tokens, with the tokens and their matches.
fn best<'t>(logits: &[f32], count: usize, fit: impl Fn(u32) -> Option<Fit<'t>>) -> Vec<(f32, u32, Fit<'t>)> {
    let mut best: Vec<(f32, u32, Fit<'t>)> = Vec::new();
    for (token, &logit) in logits.iter().enumerate() {
        let beaten = best.len() == count && best.last().is_none_or(|(least, ..)| logit <= *least);
        if beaten || logit.is_nan() {
            continue;
        }
        if let Some(fit) = fit(token as u32) {
            let place = best.partition_point(|(other, ..)| *other >= logit);
            best.insert(place, (logit, token as u32, fit));
            best.truncate(count);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use linnet_gguf::{Array, Gguf, HeaderWriter, Value};

    use super::*;

    const TOKENS: [&str; 10] = ["Ġ", "Ġmuch", "Ġmany", "Ġmer", "i", "ab", "illy", ".", "Ġm", "any"];

    fn tokenizer() -> Tokenizer {
        let mut writer = HeaderWriter::new();
        writer.metadata("tokenizer.ggml.model", Value::String("gpt2".into()));
        writer.metadata("tokenizer.ggml.tokens", Value::Array(Array::Strings(TOKENS.iter().collect())));
        writer.metadata("tokenizer.ggml.merges", Value::Array(Array::Strings([""; 0].iter().collect())));
        Tokenizer::from_gguf(&Gguf::parse(&writer.to_bytes()).unwrap().metadata).unwrap()
    }

    /// Searches with a model that gives these tokens these probabilities after these texts, and very small
    /// ones to the others.
    fn words(typed: &str, model: &[(&str, &[(&str, f32)])]) -> (Vec<String>, Vec<String>) {
        words_if(typed, model, |_| true)
    }

    fn words_if(
        typed: &str,
        model: &[(&str, &[(&str, f32)])],
        spelled: impl Fn(&[u32]) -> bool,
    ) -> (Vec<String>, Vec<String>) {
        let tokenizer = tokenizer();
        let vocabulary = Vocabulary::of(&tokenizer);
        let begun = typed.trim_start().to_owned();
        let target = Target { typed: typed.to_owned(), begun, space: typed.is_empty() };
        let (mut search, mut words, mut runs) = (Search::new(3), Vec::new(), Vec::new());
        loop {
            match search.next(&spelled) {
                Next::Nothing => return (words, runs),
                Next::Word(text) => words.push(format!("{}{text}", target.begun)),
                Next::Run(path) => {
                    let text = tokenizer.decode(&path.tokens, linnet_text::DecodeOptions::default());
                    let known =
                        model.iter().find(|(before, _)| *before == text).map_or(&[][..], |(_, next)| next);
                    let logits = TOKENS.map(|token| {
                        known.iter().find(|(other, _)| *other == token).map_or(1e-6_f32, |(_, p)| *p).ln()
                    });
                    runs.push(text);
                    search.expand(path, &logits, &vocabulary, &target, &tokenizer);
                }
            }
        }
    }

    /// The most likely token after each of its tokens does not end the word.
    #[test]
    fn words_with_an_unlikely_end_are_dropped() {
        let (words, runs) = words(
            " m",
            &[
                ("", &[("Ġmuch", 0.9), ("Ġmer", 0.01), ("Ġmany", 0.05)]),
                (" much", &[(".", 0.9)]),
                (" many", &[("Ġ", 0.9)]),
                (" mer", &[("i", 0.3), ("ab", 0.2), ("any", 0.2)]),
                (" meri", &[("ab", 0.3), ("i", 0.3)]),
                (" meriab", &[("illy", 0.3)]),
                (" meriabilly", &[(".", 1.0)]),
            ],
        );
        assert_eq!(words, ["much", "many"]);
        assert!(runs.len() < 6, "unlikely prefixes are not expanded far: {runs:?}");
    }

    #[test]
    fn a_word_that_the_model_ends_is_not_drawn_out() {
        let model: &[(&str, &[(&str, f32)])] =
            &[("", &[("Ġmany", 0.9)]), (" many", &[("ab", 0.01), (".", 0.9)]), (" manyab", &[(".", 1.0)])];
        // It is likely enough compared with the first word.
        assert_eq!(words(" m", model), (vec!["many".to_owned()], vec![String::new(), " many".to_owned()]));
    }

    #[test]
    fn tokens_that_no_text_has_are_no_word() {
        let model: &[(&str, &[(&str, f32)])] = &[
            ("", &[("Ġm", 0.5), ("Ġmany", 0.4)]),
            (" m", &[("any", 0.9)]),
            // After these tokens, too: this model only knows texts.
            (" many", &[(".", 0.5), ("i", 0.2)]),
            (" manyi", &[(".", 0.9)]),
        ];
        let of = |tokens: &[u32]| tokens.iter().map(|token| TOKENS[*token as usize]).collect::<Vec<_>>();
        let spelled = |tokens: &[u32]| of(tokens)[0] != "Ġm";
        let path_of = |words: Vec<String>| words.join(" ");
        assert_eq!(path_of(words_if(" m", model, spelled).0), "many manyi");
        assert_eq!(path_of(words_if(" m", model, |_| false).0), "");
    }

    #[test]
    fn words_of_any_tokens_come_in_order_of_probability() {
        let model: &[(&str, &[(&str, f32)])] = &[
            ("", &[("Ġm", 0.8), ("Ġmuch", 0.1)]),
            (" m", &[("any", 0.9)]),
            (" many", &[(".", 0.7), ("i", 0.02)]),
            (" much", &[(".", 0.9)]),
        ];
        assert_eq!(words(" m", model).0[..2], ["many", "much"]);
        assert_eq!(words(" ma", model).0[0], "many");
        assert_eq!(words(" x", model).0, [""; 0]);
    }
}
