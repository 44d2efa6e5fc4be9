//! Vocabularies: compares encoding and decoding.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use linnet_text::{EncodeOptions, Tokenizer};
use serde::Deserialize;

use super::golden::{GoldenError, json, text};
use super::report::{Outcome, Subject};
use crate::failure::Failure;
use crate::model_file;

const KIND: &str = "tokenizers";
/// Separates the texts of an `.inp` file.
const SEPARATOR: &str = "\n__ggml_vocab_test__\n";
/// Maximum number of failing texts to show.
const SHOWN: usize = 3;

/// `strings/NAME.json`: texts with their tokens.
#[derive(Debug, Deserialize)]
struct Strings {
    tokenizer: String,
    n_tokens: Option<usize>,
    with_add_special: Option<AddSpecial>,
    cases: Vec<Text>,
}

/// Tokens that a tokenizer adds when `add_special` is set.
#[derive(Debug, Deserialize)]
struct AddSpecial {
    prefix_ids: Vec<u32>,
    suffix_ids: Vec<u32>,
    empty_text_ids: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Text {
    text: String,
    ids: Vec<u32>,
    ids_parse_special: Vec<u32>,
    /// llama.cpp's decoding of the tokens, where it differs from the text.
    detokenized_hex: Option<String>,
}

/// Compares a vocabulary with llama.cpp's own `.inp` and `.out` files next to it.
pub fn vocabulary(gguf: &Path) -> Outcome {
    let subject = Subject::new(KIND, gguf.file_stem().unwrap_or_default().to_string_lossy());
    let case = "inp/out";
    let beside = |extension: &str| {
        let mut path = gguf.as_os_str().to_owned();
        path.push(extension);
        text(Path::new(&path))
    };
    let read = || -> Result<_, GoldenError> { Ok((beside(".inp")?, beside(".out")?)) };
    let (texts, expected) = match read() {
        Ok(read) => read,
        Err(error) => return subject.failed(case, error),
    };
    let texts: Vec<&str> = texts.split(SEPARATOR).collect();
    let mut lines: Vec<&str> = expected.split('\n').collect();
    if lines.len() == texts.len() + 1 && lines.last() == Some(&"") {
        lines.pop();
    }
    if lines.len() != texts.len() {
        return subject.failed(case, format!("{} texts, but {} lines of tokens", texts.len(), lines.len()));
    }
    let tokenizer = match tokenizer(gguf) {
        Ok(tokenizer) => tokenizer,
        Err(failure) => return subject.unusable(case, &failure),
    };
    let mut tally = Tally::default();
    for (text, line) in texts.into_iter().zip(lines) {
        let expected: Result<Vec<u32>, _> = line.split_ascii_whitespace().map(str::parse).collect();
        match expected {
            Ok(expected) => tally.encode(&tokenizer, text, EncodeOptions::default(), &expected),
            Err(error) => tally.wrong(text, format_args!("the reference is not a line of tokens: {error}")),
        }
    }
    tally.outcome(&subject, case)
}

/// Compares a vocabulary with the texts of a `strings/NAME.json`. `models` is the folder of the published
/// models, one of which may contain the vocabulary.
pub fn strings(path: &Path, models: &Path) -> Vec<Outcome> {
    let file_name = path.file_stem().unwrap_or_default().to_string_lossy();
    let strings: Strings = match json(path) {
        Ok(strings) => strings,
        Err(error) => return vec![Subject::new(KIND, file_name).failed("strings", error)],
    };
    let subject = Subject::new(KIND, strings.tokenizer.clone());
    let Some(gguf) = find_vocabulary(path, &strings, models) else {
        let why = format!("no vocabulary with this name beside the file or in {}", models.display());
        return vec![subject.skipped("strings", why)];
    };
    let tokenizer = match tokenizer(&gguf) {
        Ok(tokenizer) => tokenizer,
        Err(failure) => return vec![subject.unusable("strings", &failure)],
    };

    let options = |add_special, parse_special| EncodeOptions { add_special, parse_special };
    let (mut plain, mut special, mut back) = (Tally::default(), Tally::default(), Tally::default());
    for case in &strings.cases {
        plain.encode(&tokenizer, &case.text, options(false, false), &case.ids);
        special.encode(&tokenizer, &case.text, options(false, true), &case.ids_parse_special);
        back.decode(&tokenizer, case);
    }
    let mut outcomes = vec![
        plain.outcome(&subject, "strings"),
        special.outcome(&subject, "strings parse_special"),
        back.outcome(&subject, "strings detokenized"),
    ];
    if let Some(AddSpecial { prefix_ids, suffix_ids, empty_text_ids }) = &strings.with_add_special {
        let mut tally = Tally::default();
        for case in &strings.cases {
            let expected = match case.text.is_empty() {
                true => empty_text_ids.clone(),
                false => [prefix_ids.as_slice(), &case.ids, suffix_ids].concat(),
            };
            tally.encode(&tokenizer, &case.text, options(true, false), &expected);
        }
        outcomes.push(tally.outcome(&subject, "strings add_special"));
    }
    outcomes
}

fn tokenizer(gguf: &Path) -> Result<Tokenizer, Failure> {
    Ok(Tokenizer::from_gguf(&model_file::read_header(gguf)?.metadata)?)
}

/// The vocabulary of a strings file: `ggml-vocab-NAME.gguf` next to it or one folder up, or a published model
/// whose file name begins with NAME (letters and digits only, ignoring case) and whose vocabulary has the
/// same size.
fn find_vocabulary(strings: &Path, content: &Strings, models: &Path) -> Option<PathBuf> {
    let name = format!("ggml-vocab-{}.gguf", content.tokenizer);
    if let Some(found) = strings.ancestors().skip(1).take(2).map(|f| f.join(&name)).find(|p| p.is_file()) {
        return Some(found);
    }
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(&content.tokenizer);
    let mut files: Vec<PathBuf> = fs::read_dir(models).ok()?.filter_map(|e| Some(e.ok()?.path())).collect();
    files.sort();
    files.into_iter().find(|path| {
        let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gguf"))
            && path.file_stem().is_some_and(|s| plain(&s.to_string_lossy()).starts_with(&wanted));
        named
            && model_file::read_header(path).is_ok_and(|header| {
                let tokens = header.metadata.strings("tokenizer.ggml.tokens").ok().flatten();
                content.n_tokens.is_none_or(|n| tokens.is_some_and(|t| t.len() == n))
            })
    })
}

/// Counts texts and failures.
#[derive(Debug, Default)]
struct Tally {
    texts: usize,
    wrong: usize,
    shown: String,
}

impl Tally {
    fn encode(&mut self, tokenizer: &Tokenizer, text: &str, options: EncodeOptions, expected: &[u32]) {
        self.texts += 1;
        match tokenizer.encode(text, options) {
            Ok(ours) if ours == expected => {}
            Ok(ours) => self.note(text, format_args!("expected {expected:?}, got {ours:?}")),
            Err(error) => self.note(text, format_args!("{error}")),
        }
    }

    fn decode(&mut self, tokenizer: &Tokenizer, case: &Text) {
        self.texts += 1;
        let bytes: Option<Vec<u8>> = case
            .ids
            .iter()
            .map(|id| tokenizer.token_bytes(*id))
            .collect::<Option<Vec<_>>>()
            .map(|b| b.concat());
        // llama.cpp's text may differ where it cleans up spaces, which is not an error. A text that the vocabulary
        // cannot express is a real difference.
        let answer = case.detokenized_hex.as_deref().and_then(unhex);
        match bytes {
            Some(bytes) if bytes == case.text.as_bytes() || Some(&bytes) == answer.as_ref() => {}
            Some(bytes) => self.note(&case.text, format_args!("{:?}", String::from_utf8_lossy(&bytes))),
            None => self.note(&case.text, format_args!("a token decodes to nothing")),
        }
    }

    fn wrong(&mut self, text: &str, why: std::fmt::Arguments<'_>) {
        self.texts += 1;
        self.note(text, why);
    }

    fn note(&mut self, text: &str, why: std::fmt::Arguments<'_>) {
        self.wrong += 1;
        if self.wrong <= SHOWN {
            // Writing to a String cannot fail.
            let _ = write!(self.shown, "; {text:?}: {why}");
        }
    }

    fn outcome(self, subject: &Subject, case: &str) -> Outcome {
        subject.counted(case, "wrong texts", self.wrong).with(format!("of {}{}", self.texts, self.shown))
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_bytes() {
        assert_eq!(unhex("00ffE2"), Some(vec![0, 255, 0xE2]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("é"), None);
    }

    #[test]
    fn a_wrong_text_fails_the_case() {
        let mut tally = Tally { texts: 2, ..Tally::default() };
        assert!(Tally { texts: 2, ..Tally::default() }.outcome(&Subject::new(KIND, "x"), "a").ok);
        tally.wrong("hello", format_args!("expected [2], got [1]"));
        let outcome = tally.outcome(&Subject::new(KIND, "x"), "a");
        assert!(!outcome.ok && outcome.detail.contains("hello"), "{outcome}");
    }
}
