//! The tokens of options, and their probabilities.
//!
//! An option's log probability is the sum of those of its tokens: how likely the model's answer begins with it. Nothing
//! is asked about what follows, because models like to go on ("Yes." or "Yes, because"), and because the end of the
//! answer would take one more run for each option. Where one option begins another ("yes" and "yes, but"), the shorter
//! one counts only where the longer one does not follow. So no two options happen together, their probabilities can be
//! compared, and the rest to 1 is how likely the model says something else.

use std::rc::Rc;

use linnet_graph::Backend;
use linnet_text::{EncodeOptions, Tokenizer};

use crate::engine::Engine;
use crate::generation::log_sum;
use crate::request::path::Path;
use crate::{Error, TokenLogprob};

/// The tokens of each option after what all of them share with the prompt, and their log probabilities so far.
pub(super) struct Scores {
    /// The tokens before all options.
    root: Vec<u32>,
    branches: Rc<Vec<Vec<u32>>>,
    /// The sums over the tokens that have been scored.
    sums: Vec<f64>,
    /// After what the logits are needed, last ones first: these options' first tokens, as many as the second number
    /// says. Of options that begin alike, only one is here.
    paths: Vec<(usize, usize)>,
}

/// A prompt as a text or as tokens.
pub(super) enum PromptText<'a> {
    Text(&'a str, EncodeOptions),
    Tokens(&'a [u32]),
}

impl Scores {
    pub(super) fn new<B: Backend>(
        engine: &Engine<B>,
        prompt: &PromptText<'_>,
        options: &[String],
    ) -> Result<Self, Error> {
        let tokenizer = engine.tokenizer();
        let (mut root, vocabulary) = (prompt.tokens(engine)?, engine.config().vocab_size);
        let branches = match prompt {
            PromptText::Text(text, encoding) => branches(tokenizer, text, *encoding, &mut root, options)?,
            PromptText::Tokens(_) => options.iter().map(|option| tokenizer.encode_rest(option)).collect(),
        };
        let (all, options) = (Path::of("options"), branches.iter().enumerate());
        for (index, branch) in options {
            let path = all.index(index);
            if branch.is_empty() {
                return Err(path.invalid("has no tokens in this model's vocabulary"));
            }
            if branch.iter().any(|token| *token as usize >= vocabulary) {
                return Err(path.invalid("has a token that this model cannot read"));
            }
            if let Some(other) = branches[..index].iter().position(|other| other == branch) {
                return Err(path.invalid(format!("has the same tokens as options[{other}]")));
            }
        }
        let longest = branches.iter().map(Vec::len).max().unwrap_or_default();
        let (prompt_tokens, context_length) = (root.len() + longest, engine.session.context_length());
        if prompt_tokens > context_length {
            return Err(Error::ContextFull { prompt_tokens, context_length });
        }
        let paths = paths(&branches);
        Ok(Scores { root, sums: vec![0.0; branches.len()], branches: Rc::new(branches), paths })
    }

    /// Shares the options' tokens with another text, which mostly has the same.
    pub(super) fn sharing(mut self, other: &Scores) -> Self {
        if self.branches == other.branches {
            self.branches = Rc::clone(&other.branches);
        }
        self
    }

    /// The tokens whose logits are needed next.
    pub(super) fn tokens(&self) -> Vec<u32> {
        let path = self.paths.last().map_or(&[][..], |(option, length)| &self.branches[*option][..*length]);
        [&self.root, path].concat()
    }

    /// Takes the logits after [`Scores::tokens`]; returns whether they were the last ones.
    pub(super) fn take(&mut self, logits: &[f32]) -> bool {
        let ((option, length), whole) = (self.paths.pop().unwrap_or_default(), log_sum(logits));
        for (branch, sum) in self.branches.iter().zip(&mut self.sums) {
            if let Some([token, ..]) = branch.strip_prefix(&self.branches[option][..length]) {
                let logit = logits.get(*token as usize).copied().unwrap_or(f32::NAN);
                // `max` ignores NaN.
                *sum += (f64::from(logit) - whole).max(TokenLogprob::LEAST.into());
            }
        }
        self.paths.is_empty()
    }

    /// The log probability of each option, without the longer options that begin with it.
    pub(super) fn logprobs(&self) -> Vec<f64> {
        let continues =
            |long: &Vec<u32>, short: &Vec<u32>| long.len() > short.len() && long.starts_with(short);
        let all = || self.branches.iter().zip(&self.sums);
        let logprob = |(branch, sum): (&Vec<u32>, &f64)| {
            // An option that continues one of these is already part of it.
            let longer = all().filter(|(long, _)| {
                continues(long, branch)
                    && !self
                        .branches
                        .iter()
                        .any(|between| continues(long, between) && continues(between, branch))
            });
            let share: f64 = longer.map(|(_, long)| (long - sum).exp()).sum();
            sum + (-share).ln_1p().max(TokenLogprob::LEAST.into())
        };
        all().map(logprob).collect()
    }
}

impl PromptText<'_> {
    /// Its tokens, at least one.
    fn tokens<B: Backend>(&self, engine: &Engine<B>) -> Result<Vec<u32>, Error> {
        let tokens = match self {
            PromptText::Text(text, encoding) => crate::prompt::read(engine, text, *encoding)?,
            PromptText::Tokens(tokens) => tokens.to_vec(),
        };
        crate::prompt::check_ids(engine, &tokens)?;
        if tokens.is_empty() {
            return Err(Error::invalid("prompt", "is empty; give at least one token"));
        }
        Ok(tokens)
    }
}

/// After what the logits are needed for these options, last ones first. What follows something comes directly after it,
/// so that the KV cache serves as often as possible.
fn paths(branches: &[Vec<u32>]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..branches.len()).collect();
    order.sort_unstable_by_key(|option| &branches[*option]);
    let (mut paths, mut before) = (Vec::new(), &[][..]);
    for option in order {
        let branch = branches[option].as_slice();
        // The starts that it shares with the option before.
        let shared = branch.iter().zip(before).take_while(|(one, other)| one == other).count() + 1;
        paths.extend((shared.min(before.len())..branch.len()).map(|length| (option, length)));
        before = branch;
    }
    paths.reverse();
    paths
}

/// The tokens of each option as a vocabulary writes them after the prompt's text. Where it joins an option's first
/// characters with the prompt's last ones, the options begin earlier, and `root` ends there.
fn branches(
    tokenizer: &Tokenizer,
    text: &str,
    encoding: EncodeOptions,
    root: &mut Vec<u32>,
    options: &[String],
) -> Result<Vec<Vec<u32>>, Error> {
    let (before, text, encoding) = after_last_mark(tokenizer, text, encoding, root)?;
    let read = |option: &String| tokenizer.encode(&format!("{text}{}", tokenizer.guard(option)), encoding);
    let whole: Vec<Vec<u32>> = options.iter().map(read).collect::<Result<_, _>>()?;
    let shared = |tokens: &Vec<u32>| tokens.iter().zip(&root[before..]).take_while(|(a, b)| a == b).count();
    let kept = whole.iter().map(shared).min().unwrap_or_default();
    if before + kept == 0 {
        return Ok(options.iter().map(|option| tokenizer.encode_rest(option)).collect());
    }
    root.truncate(before + kept);
    Ok(whole.into_iter().map(|tokens| tokens[kept..].to_vec()).collect())
}

/// The end of the text from its last control token, which no token spans, so that a long prompt is not read again for
/// each option; and the number of tokens before it.
fn after_last_mark<'t>(
    tokenizer: &Tokenizer,
    text: &'t str,
    encoding: EncodeOptions,
    tokens: &[u32],
) -> Result<(usize, &'t str, EncodeOptions), Error> {
    let end = EncodeOptions { add_special: false, ..encoding };
    let last = tokens.iter().rposition(|token| tokenizer.is_control(*token));
    let mark = last.and_then(|at| Some((at, text.rfind(tokenizer.token_text(tokens[at])?)?)));
    match mark {
        Some((at, from)) if tokenizer.encode(&text[from..], end)? == tokens[at..] => {
            Ok((at, &text[from..], end))
        }
        _ => Ok((0, text, encoding)),
    }
}

#[cfg(test)]
mod tests {
    use super::paths;

    #[test]
    fn every_start_of_an_option_is_needed_once() {
        let branches = ["ac", "a", "abd", "b", "abc"].map(|text| text.bytes().map(u32::from).collect());
        let starts = paths(&branches).into_iter().rev().map(|(option, length)| {
            let bytes = branches[option][..length].iter().map(|token| *token as u8);
            String::from_utf8(bytes.collect()).unwrap()
        });
        assert_eq!(starts.collect::<Vec<_>>(), ["", "a", "ab"]);
    }
}
