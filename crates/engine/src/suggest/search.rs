//! The likeliest words, the likeliest first.
//!
//! A word is as likely as its tokens in turn, and that none of a word's comes next. A beginning of a word is no less likely than
//! any word that begins so; taken up in the order of their probabilities, words come out in that order, too.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use linnet_text::Tokenizer;

use super::recent::Vocabulary;
use super::text::{Fit, Target, text_of};

/// Tokens that are looked at where a word may begin: they may lead to the same words, or to none.
const BEGINNINGS: usize = 8;
/// Tokens that are looked at where it goes on.
const CONTINUATIONS: usize = 4;
/// Tokens that are looked at which are only a part of what was typed. Most words whose beginning was typed begin with a token that
/// is more.
const PARTS: usize = 3;
/// No word has more tokens.
pub(super) const MOST_TOKENS: usize = 8;
/// Beginnings that are looked at until there is a first word; after that, it is a few for each that is wanted.
const MOST_RUNS: usize = 20;
/// Words that are less likely than the likeliest by more than this factor are none that the model means.
const LEAST: f64 = 1.0 / 300.0;
/// After the token that ends what was typed, a word goes on and ends with at least this probability: `forward` is no beginning of
/// `forwardward`.
const LEAST_END: f64 = 1.0 / 50.0;
/// Where a word goes on from what was typed, which itself may be none of the model's words, it is more likely than most others.
const LEAST_INSIDE: f64 = 1.0 / 4.0;

/// A beginning of a word, or a word.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Path {
    /// The logarithm of its probability.
    score: f64,
    /// The same of what comes after the token that ends what was typed, or begins the word.
    end: f64,
    /// Those of the word, without the ones before it.
    pub(super) tokens: Vec<u32>,
    /// Bytes of what was typed that they cover.
    covered: usize,
    /// Their text after that.
    text: String,
    /// Whether it ends here.
    whole: bool,
}

impl Eq for Path {}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    /// By probability; among equals the shorter, then the one with the lower tokens is the greater.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(self.whole.cmp(&other.whole)).then_with(|| other.tokens.cmp(&self.tokens))
    }
}

/// What there is to do next.
pub(super) enum Next {
    /// The model must tell what comes after this.
    Run(Path),
    /// This is a word, without what was typed.
    Word(String),
    /// There are no more words.
    Nothing,
}

/// A search for words.
pub(super) struct Search {
    paths: BinaryHeap<Path>,
    /// The score of the first word, or what takes its place.
    best: Option<f64>,
    /// The logarithm of how likely a word is compared with that, at least.
    least: f64,
    /// The same of a word's end.
    least_end: f64,
    /// How many more beginnings may be looked at.
    left: usize,
    /// And after the first word.
    left_after: usize,
}

impl Search {
    /// For this many words.
    pub(super) fn new(words: usize) -> Self {
        Self::from(0, words, None, LEAST_END)
    }

    /// For this many words that go on from all that was typed.
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

    /// Takes the likeliest path. `is_spelled` tells whether these tokens are the ones of the text that they spell: of other ones
    /// that spell the same, the model has read no texts, and what it makes of them means nothing.
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
            // What comes after a beginning that was not looked at is less likely than what may become of that.
            return if self.left > 0 { Next::Run(path) } else { Next::Nothing };
        }
    }

    /// Takes a path again that could not be looked at.
    pub(super) fn put_back(&mut self, path: Path) {
        self.paths.push(path);
    }

    /// Looks at what comes after a path.
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
            // This is asked for most tokens of the vocabulary, so what is quick to tell comes first.
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

/// The `count` greatest logits of tokens that fit, with these and how they fit.
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

    /// Searches in a model that gives these tokens these probabilities after these texts, others very small ones.
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

    /// The likeliest token after each of its tokens makes it no word.
    #[test]
    fn what_is_unlikely_to_its_end_is_no_word() {
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
        assert!(runs.len() < 6, "what is unlikely is not followed far: {runs:?}");
    }

    #[test]
    fn a_word_that_the_model_ends_is_not_drawn_out() {
        let model: &[(&str, &[(&str, f32)])] =
            &[("", &[("Ġmany", 0.9)]), (" many", &[("ab", 0.01), (".", 0.9)]), (" manyab", &[(".", 1.0)])];
        // It is likely enough beside the first word.
        assert_eq!(words(" m", model), (vec!["many".to_owned()], vec![String::new(), " many".to_owned()]));
    }

    #[test]
    fn tokens_that_no_text_has_are_no_word() {
        let model: &[(&str, &[(&str, f32)])] = &[
            ("", &[("Ġm", 0.5), ("Ġmany", 0.4)]),
            (" m", &[("any", 0.9)]),
            // After these tokens, too: the model here knows texts only.
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
    fn a_word_comes_of_whatever_tokens_it_has_and_the_likelier_first() {
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
