//! Words that may come next, while somebody types.
//!
//! The text is cut before the word that has been begun. What the model makes of the text up to there serves for every further letter
//! of that word: its tokens are held against the letters, and the most likely of those that fit are run to see whether they are
//! whole words. What was run is kept for a while, because from one letter to the next it is mostly the same.

use std::collections::VecDeque;

use linnet_graph::{Backend, Output, Want};
use linnet_text::{EncodeOptions, Tokenizer, is_in_word};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::likely::greatest;
use crate::{Error, FinishReason};

/// A wish for words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuggestRequest {
    /// The text up to where somebody types.
    pub prefix: String,
    /// How many words; 3 by default.
    #[serde(default = "three")]
    pub words: usize,
    /// Milliseconds after which nothing more is run but what a first word needs: what was not found to go on is then taken for whole.
    pub within: Option<f64>,
}

fn three() -> usize {
    3
}

/// A word that may come next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Word {
    /// The whole word, with what was typed of it as it was typed.
    pub word: String,
    /// What is to be put behind the text to have it there.
    pub completion: String,
}

/// What one call of [`Suggestion::next`] did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SuggestEvent {
    /// The model was run; there is more to do.
    Step,
    /// That was all.
    Words(Suggestions),
}

/// Words that may come next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suggestions {
    /// The words, each once, the most likely first; fewer than were wished for where no more fit.
    pub words: Vec<Word>,
    /// What is typed of the word already.
    pub begun: String,
    /// `Stop`, or `Cancelled`: then some words may be missing.
    pub finish_reason: FinishReason,
    /// Tokens that were run.
    pub tokens: usize,
    /// Milliseconds that it took.
    pub ms: f64,
}

/// The most words that can be wished for.
const MOST_WORDS: usize = 10;
/// Tokens that are looked at to find a word: they may lead to the same words, or to none.
const CANDIDATES: usize = 5;
/// No word has more tokens behind what is typed of it.
const MOST_TOKENS: usize = 8;

/// From where words are looked for.
struct Root {
    tokens: Vec<u32>,
    /// What the text that follows begins with: what was cut off.
    typed: String,
    /// The part of that which belongs to the word.
    begun: String,
    /// Whether a space may come before the word.
    space: bool,
}

/// Tokens behind a root's.
struct Path {
    tokens: Vec<u32>,
    /// Their text, without what was typed.
    text: String,
}

/// Words being looked for.
pub struct Suggestion {
    root: Root,
    /// Where to look if there are too few: behind the tokens of what was typed.
    inside: Option<Root>,
    /// The most likely first; `None` until the root was run.
    paths: Option<VecDeque<Path>>,
    wanted: usize,
    within: Option<f64>,
    words: Vec<Word>,
    tokens: usize,
    started: Option<f64>,
    cancelled: bool,
}

impl Suggestion {
    pub(crate) fn start<B: Backend>(engine: &Engine<B>, request: &SuggestRequest) -> Result<Self, Error> {
        if !(1..=MOST_WORDS).contains(&request.words) {
            return Err(Error::invalid("words", format!("must be 1 to {MOST_WORDS}")));
        }
        let (head, typed, begun) = cut(&request.prefix);
        let encode = |text: &str| -> Result<Vec<u32>, Error> {
            let tokens =
                engine.tokenizer.encode(text, EncodeOptions { add_special: true, parse_special: false })?;
            // Where nothing marks a beginning, a new line does.
            if !tokens.is_empty() {
                return Ok(tokens);
            }
            Ok(engine.tokenizer.encode("\n", EncodeOptions::default())?)
        };
        let root = Root {
            tokens: encode(head)?,
            typed: typed.to_owned(),
            begun: begun.to_owned(),
            space: typed.is_empty(),
        };
        let inside = if begun.is_empty() {
            None
        } else {
            let tokens = encode(&request.prefix)?;
            Some(Root { tokens, typed: String::new(), begun: begun.to_owned(), space: false })
        };
        let longest = inside.as_ref().unwrap_or(&root).tokens.len().max(root.tokens.len());
        let context_length = engine.session.context_length();
        if longest + MOST_TOKENS > context_length {
            return Err(Error::ContextFull { prompt_tokens: longest, context_length });
        }
        Ok(Suggestion {
            root,
            inside,
            paths: None,
            wanted: request.words,
            within: request.within,
            words: Vec::new(),
            tokens: 0,
            started: None,
            cancelled: false,
        })
    }

    /// Ends the search: the next call of [`Suggestion::next`] gives what was found.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Runs the model once, or gives the words where there is no need to.
    ///
    /// # Errors
    /// [`Error::Backend`]. The same call may be tried again.
    pub async fn next<B: Backend>(&mut self, engine: &mut Engine<B>) -> Result<SuggestEvent, Error> {
        let now = engine.platform.now_ms;
        let started = *self.started.get_or_insert_with(now);
        while !self.cancelled && self.words.len() < self.wanted {
            let late = self.within.is_some_and(|within| now() - started >= within);
            let mut tokens = self.root.tokens.clone();
            if let Some(paths) = &mut self.paths {
                let Some(path) = paths.front() else {
                    match self.inside.take() {
                        Some(inside) if !late => (self.root, self.paths) = (inside, None),
                        _ => break,
                    }
                    continue;
                };
                tokens.extend(&path.tokens);
                if late && let Some(path) = paths.pop_front() {
                    self.found(&path.text);
                    continue;
                }
            }
            let Some(logits) = engine.recent.get(&tokens) else {
                self.tokens += run(engine, tokens).await?;
                return Ok(SuggestEvent::Step);
            };
            match &mut self.paths {
                None => self.paths = Some(self.root.paths(logits, &engine.tokenizer)),
                Some(paths) => {
                    if let Some(path) = paths.pop_front() {
                        match behind_word(logits, &engine.tokenizer) {
                            Behind::End => self.found(&path.text),
                            Behind::More(token, more) if path.tokens.len() < MOST_TOKENS => {
                                let (mut tokens, text) = (path.tokens, path.text + more);
                                tokens.push(token);
                                paths.push_front(Path { tokens, text });
                            }
                            Behind::More(..) | Behind::Unknown => {}
                        }
                    }
                }
            }
        }
        let finish_reason = if self.cancelled { FinishReason::Cancelled } else { FinishReason::Stop };
        Ok(SuggestEvent::Words(Suggestions {
            words: self.words.clone(),
            begun: self.root.begun.clone(),
            finish_reason,
            tokens: self.tokens,
            ms: now() - started,
        }))
    }

    /// Takes a word for one that may come, unless it is there already or nothing new.
    fn found(&mut self, text: &str) {
        let completion = text.trim_end_matches(APOSTROPHES);
        let word = format!("{}{}", self.root.begun, completion.trim_start());
        let key = word.to_lowercase();
        let is_new = self.words.iter().all(|other| other.word.to_lowercase() != key);
        if is_new && key != self.root.begun.to_lowercase() {
            self.words.push(Word { word, completion: completion.to_owned() });
        }
    }
}

impl Root {
    /// The most likely tokens that fit what was typed and are the beginning of a word.
    fn paths(&self, logits: &[f32], tokenizer: &Tokenizer) -> VecDeque<Path> {
        let mut best: Vec<(f32, u32, &str)> = Vec::new();
        for (token, logit) in logits.iter().enumerate() {
            let beaten = best.len() == CANDIDATES && best.last().is_none_or(|(least, ..)| logit <= least);
            if beaten || logit.is_nan() {
                continue;
            }
            if let Some(text) = text_of(token as u32, tokenizer).and_then(|text| self.fits(text)) {
                let place = best.partition_point(|(other, ..)| other >= logit);
                best.insert(place, (*logit, token as u32, text));
                best.truncate(CANDIDATES);
            }
        }
        best.into_iter().map(|(_, token, text)| Path { tokens: vec![token], text: text.to_owned() }).collect()
    }

    /// What a token adds to what was typed, if that is a part of a word.
    fn fits<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        for typed in self.typed.chars() {
            let same = rest.next().is_some_and(|c| c == typed || c.to_lowercase().eq(typed.to_lowercase()));
            if !same {
                return None;
            }
        }
        let added = rest.as_str();
        let part = if self.space { added.strip_prefix(' ').unwrap_or(added) } else { added };
        let begins = match self.begun.is_empty() {
            true => part.starts_with(char::is_alphabetic),
            false => !part.is_empty() || !self.typed.is_empty(),
        };
        (begins && part.chars().all(is_part)).then_some(added)
    }
}

/// What the most likely token behind a word makes of it.
enum Behind<'t> {
    /// It does not belong to the word.
    End,
    /// It belongs to the word.
    More(u32, &'t str),
    /// It is part of a character.
    Unknown,
}

fn behind_word<'t>(logits: &[f32], tokenizer: &'t Tokenizer) -> Behind<'t> {
    let Some(token) = greatest(logits, 1).first().copied() else { return Behind::End };
    if tokenizer.is_control(token) {
        return Behind::End;
    }
    match text_of(token, tokenizer) {
        None => Behind::Unknown,
        Some(text) if !text.is_empty() && text.chars().all(is_part) => Behind::More(token, text),
        Some(_) => Behind::End,
    }
}

/// What a token stands for, if that is text.
fn text_of(token: u32, tokenizer: &Tokenizer) -> Option<&str> {
    if tokenizer.is_control(token) {
        return None;
    }
    std::str::from_utf8(tokenizer.token_bytes(token)?).ok()
}

const APOSTROPHES: [char; 2] = ['\'', '’'];

/// Whether a character stands in words, or between their letters.
fn is_part(c: char) -> bool {
    is_in_word(c) || APOSTROPHES.contains(&c)
}

/// A text up to where the model shall go on, what was cut off, and the word in that. A word's token has the space before it.
fn cut(prefix: &str) -> (&str, &str, &str) {
    let begun = &prefix[prefix.trim_end_matches(is_part).len()..];
    let begun = begun.trim_start_matches(APOSTROPHES);
    let before = &prefix[..prefix.len() - begun.len()];
    let head = before.strip_suffix(' ').unwrap_or(before);
    (head, &prefix[head.len()..], begun)
}

/// Runs a part of what the cache does not have of `tokens`; keeps the logits when that was the last one. Returns how many were run.
async fn run<B: Backend>(engine: &mut Engine<B>, tokens: Vec<u32>) -> Result<usize, Error> {
    let session = &mut engine.session;
    let rest = &tokens[session.reuse(&tokens)..];
    let piece = session.pace.piece();
    if rest.len() > piece {
        session.extend(&rest[..piece], Want::Nothing).await?;
        return Ok(piece);
    }
    let ran = rest.len();
    match session.extend(rest, Want::Logits(1)).await? {
        Output::Logits(logits) => engine.recent.keep(tokens, logits),
        _ => return Err(Error::invalid("backend", "gave no logits where they were wanted")),
    }
    Ok(ran)
}

/// The logits behind some texts that were run lately.
#[derive(Default)]
pub(crate) struct Recent {
    /// The one that was asked for last comes first.
    entries: VecDeque<(Vec<u32>, Vec<f32>)>,
}

impl Recent {
    /// Numbers that are kept, at most: 4 MiB of them.
    const MOST: usize = 1 << 20;
    /// So many are kept, whatever their size.
    const LEAST_ENTRIES: usize = 4;

    fn get(&mut self, tokens: &[u32]) -> Option<&[f32]> {
        let at = self.entries.iter().position(|(known, _)| known == tokens)?;
        let entry = self.entries.remove(at)?;
        self.entries.push_front(entry);
        self.entries.front().map(|(_, logits)| logits.as_slice())
    }

    fn keep(&mut self, tokens: Vec<u32>, logits: Vec<f32>) {
        let room = (Self::MOST / logits.len().max(1)).max(Self::LEAST_ENTRIES);
        self.entries.push_front((tokens, logits));
        self.entries.truncate(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_before_the_word_that_was_begun() {
        for (prefix, parts) in [
            ("", ("", "", "")),
            ("I am", ("I", " am", "am")),
            ("I am ", ("I am", " ", "")),
            ("I am  ", ("I am ", " ", "")),
            ("Hello,", ("Hello,", "", "")),
            ("(se", ("(", "se", "se")),
            ("He said: 'wha", ("He said: '", "wha", "wha")),
            ("I don't", ("I", " don't", "don't")),
            ("line\nNe", ("line\n", "Ne", "Ne")),
            ("die Brüc", ("die", " Brüc", "Brüc")),
        ] {
            assert_eq!(cut(prefix), parts, "{prefix:?}");
        }
    }

    #[test]
    fn tokens_fit_what_was_typed() {
        let root = |typed: &str, begun: &str, space| Root {
            tokens: Vec::new(),
            typed: typed.to_owned(),
            begun: begun.to_owned(),
            space,
        };
        let begun = root(" wea", "wea", false);
        assert_eq!(begun.fits(" weather"), Some("ther"));
        assert_eq!(begun.fits(" Weather"), Some("ther"), "what was typed stays as it was");
        assert_eq!(begun.fits(" wea"), Some(""), "it may go on");
        for other in [" we", "weather", " wear.", " ", "", " wea r"] {
            assert_eq!(begun.fits(other), None, "{other:?}");
        }
        let space = root(" ", "", false);
        assert_eq!(space.fits(" the"), Some("the"));
        assert_eq!(
            (space.fits(" "), space.fits(" ("), space.fits("the"), space.fits(" 1")),
            (None, None, None, None)
        );
        let comma = root("", "", true);
        assert_eq!(
            (comma.fits(" and"), comma.fits("and"), comma.fits("\n")),
            (Some(" and"), Some("and"), None)
        );
        let inside = root("", "unbel", false);
        assert_eq!((inside.fits("iev"), inside.fits(" iev"), inside.fits("")), (Some("iev"), None, None));
    }

    #[test]
    fn what_was_run_lately_is_kept() {
        let mut recent = Recent::default();
        for token in 0..6 {
            recent.keep(vec![token], vec![0.0; Recent::MOST / 2]);
            assert!(recent.get(&[0]).is_some() || token > 3);
        }
        assert_eq!(recent.entries.len(), Recent::LEAST_ENTRIES);
        assert!(recent.get(&[5]).is_some() && recent.get(&[1]).is_none());
    }
}
