//! Suggests words while the user types.
//!
//! The text is cut before the unfinished word. The model's logits there serve for every further letter of
//! that word: tokens are matched with the letters, and the most likely prefixes are run until the model
//! itself ends the word ([`search`]). Results are cached for a while, because they are mostly the same from
//! one letter to the next.

mod recent;
mod search;
mod text;

use linnet_graph::{Backend, Output, OutputRequest};
use linnet_text::EncodeOptions;
use serde::Serialize;

use crate::engine::Engine;
use crate::request::fields;
use crate::request::path::Path;
use crate::{Error, FinishReason, prompt};
pub(crate) use recent::Recent;
use search::{Next, Search};
use text::{APOSTROPHES, Target, cut};

/// A request for suggestions.
#[derive(Clone, Debug)]
pub struct SuggestRequest {
    /// The text up to the cursor.
    pub prefix: String,
    /// Number of words; 3 by default.
    pub words: usize,
    /// Time limit in milliseconds; after it, the model only runs for a first word.
    pub within: Option<f64>,
}

impl SuggestRequest {
    /// Parses a request from JSON. `null` means unset.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] with the path of the first unknown or invalid field.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        let mut fields = fields::read(json)?;
        let path = Path::of("prefix");
        let prefix =
            fields.remove("prefix").ok_or_else(|| path.invalid("is missing, but must be a string"))?;
        let mut request = SuggestRequest { prefix: fields::text(&path, prefix)?, words: 3, within: None };
        for (field, value) in fields::set(fields) {
            let path = &Path::of(&field);
            match field.as_str() {
                "words" => request.words = fields::count(path, &value)?,
                "within" => {
                    let milliseconds = value.as_f64().filter(|milliseconds| *milliseconds >= 0.0);
                    let found = milliseconds
                        .ok_or_else(|| path.expected(&value, "a number of milliseconds, 0 or more"))?;
                    request.within = Some(found);
                }
                _ => return Err(path.invalid("is not supported")),
            }
        }
        Ok(request)
    }
}

/// A suggested word.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "SuggestedWord"))]
pub struct Word {
    /// The whole word; the typed part keeps its spelling.
    pub word: String,
    /// The text to append to complete the word.
    pub completion: String,
}

/// An event of a search for words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SuggestEvent {
    /// The model was run; there is more to do.
    Step,
    /// The search is complete.
    Words(Suggestions),
}

/// The suggested words.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "FoundWords"))]
pub struct Suggestions {
    /// The words without duplicates, most likely first; fewer than requested if the model finds no more that
    /// are likely to their end.
    pub words: Vec<Word>,
    /// The typed part of the word.
    pub begun: String,
    /// `stop`, or `cancelled` if some words may be missing.
    pub finish_reason: FinishReason,
    /// Tokens that were run.
    pub tokens: usize,
    /// Duration in milliseconds.
    pub ms: f64,
}

/// Maximum number of words per request.
const MOST_WORDS: usize = 10;

/// A search for words.
pub struct Suggestion {
    /// The tokens before the word.
    root: Vec<u32>,
    /// The fallback if nothing is found there: the tokens of the whole text. They may differ from those that
    /// a word's tokens begin with, or be parts of characters.
    inside: Option<Vec<u32>>,
    /// Whether it is searching there.
    is_inside: bool,
    target: Target,
    search: Search,
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
            let reason = format!("is {}, but must be from 1 to {MOST_WORDS}", request.words);
            return Err(Error::invalid_value("words", request.words, reason));
        }
        let (head, typed, begun) = cut(&request.prefix);
        let options = EncodeOptions { add_special: true, parse_special: false };
        // Without a BOS token, a new line marks the start: models ignore what the very first token says.
        let first = match engine.tokenizer.adds_bos() || head.starts_with('\n') {
            true => Vec::new(),
            false => engine.tokenizer.encode("\n", EncodeOptions::default())?,
        };
        let read =
            |text: &str| Ok::<_, Error>([first.clone(), prompt::read(engine, text, options)?].concat());
        let root = read(head)?;
        let inside = match begun {
            "" => None,
            _ => Some(read(&request.prefix)?),
        };
        let target = Target { typed: typed.to_owned(), begun: begun.to_owned(), space: typed.is_empty() };
        let longest = inside.as_ref().unwrap_or(&root).len().max(root.len());
        let context_length = engine.session.context_length();
        if longest + search::MOST_TOKENS > context_length {
            return Err(Error::ContextFull { prompt_tokens: longest, context_length });
        }
        Ok(Suggestion {
            root,
            inside,
            is_inside: false,
            target,
            search: Search::new(request.words),
            wanted: request.words,
            within: request.within,
            words: Vec::new(),
            tokens: 0,
            started: None,
            cancelled: false,
        })
    }

    /// Stops the search: the next call of [`Suggestion::next`] returns what was found.
    pub fn cancel(&mut self) {
        self.cancelled = true;
    }

    /// Runs the model once, or returns the words if it need not run.
    ///
    /// # Errors
    /// [`Error::Backend`]. The same call may be retried.
    pub async fn next<B: Backend>(&mut self, engine: &mut Engine<B>) -> Result<SuggestEvent, Error> {
        let now = engine.platform.now_ms;
        let started = *self.started.get_or_insert_with(now);
        while !self.cancelled && self.words.len() < self.wanted {
            let late = self.within.is_some_and(|within| now() - started >= within);
            let (target, is_inside) = (&self.target, self.is_inside);
            let is_spelled = |tokens: &[u32]| {
                let typed = if is_inside { target.typed.as_str() } else { "" };
                text::is_spelled(typed, tokens, &engine.tokenizer)
            };
            let path = match self.search.next(is_spelled) {
                Next::Nothing => match self.inside.take() {
                    Some(inside) if self.words.is_empty() && !late => {
                        (self.root, self.search) = (inside, Search::inside(self.wanted, &self.target));
                        self.is_inside = true;
                        continue;
                    }
                    _ => break,
                },
                Next::Word(text) => {
                    self.found(&text);
                    continue;
                }
                Next::Run(path) => path,
            };
            let tokens = [self.root.as_slice(), &path.tokens].concat();
            if let Some((logits, vocabulary)) = engine.recent.get(&tokens, &engine.tokenizer) {
                self.search.expand(path, logits, vocabulary, &self.target, &engine.tokenizer);
                continue;
            }
            self.search.put_back(path);
            if late && !self.words.is_empty() {
                break;
            }
            self.tokens += run(engine, tokens).await?;
            return Ok(SuggestEvent::Step);
        }
        let finish_reason = if self.cancelled { FinishReason::Cancelled } else { FinishReason::Stop };
        Ok(SuggestEvent::Words(Suggestions {
            words: self.words.clone(),
            begun: self.target.begun.clone(),
            finish_reason,
            tokens: self.tokens,
            ms: now() - started,
        }))
    }

    /// Adds a word, unless it is a duplicate or adds nothing.
    fn found(&mut self, text: &str) {
        let begun = &self.target.begun;
        let completion = text.trim_end_matches(APOSTROPHES);
        let word = format!("{begun}{}", completion.trim_start());
        let key = word.to_lowercase();
        let is_new = self.words.iter().all(|other| other.word.to_lowercase() != key);
        if is_new && key != begun.to_lowercase() {
            self.words.push(Word { word, completion: completion.to_owned() });
        }
    }
}

/// Runs part of the uncached `tokens`; keeps the logits after the last one. Returns the number of tokens run.
async fn run<B: Backend>(engine: &mut Engine<B>, tokens: Vec<u32>) -> Result<usize, Error> {
    let session = &mut engine.session;
    let rest = &tokens[session.reuse(&tokens)..];
    let chunk = session.chunker.chunk();
    if rest.len() > chunk {
        session.extend(&rest[..chunk], OutputRequest::Nothing).await?;
        return Ok(chunk);
    }
    let ran = rest.len();
    match session.extend(rest, OutputRequest::Logits(1)).await? {
        Output::Logits(logits) => engine.recent.keep(tokens, logits),
        _ => return Err(Error::invalid("backend", "returned no logits")),
    }
    Ok(ran)
}
