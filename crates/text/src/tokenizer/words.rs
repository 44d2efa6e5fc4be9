//! How byte-level BPE vocabularies cut text into words before merging (`tokenizer.ggml.pre`).
//!
//! The published patterns end in `\s+(?!\S)|\s+`: a run of whitespace before a word leaves its last character to that
//! word. A regular expression without look-ahead finds the same words in linear time and with bounded memory if that
//! one rule is applied to the match afterwards, so it is ([`Stage::end_of`]).

use regex::Regex;

use super::vocab::bad;
use crate::TextError;

/// GPT-2's pattern.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// Llama 3's pattern (`cl100k_base` of OpenAI).
const LLAMA3: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
/// Qwen 2's pattern: Llama 3's with one digit a word.
const QWEN2: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
/// Qwen 3.5's pattern: combining marks belong to the letters.
const QWEN35: &str = concat!(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+"
);
/// `o200k_base` of OpenAI, with its marks (llama.cpp leaves them out).
const GPT4O: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
);
/// Mistral's Tekken: `o200k_base` without contractions and with one digit a word.
const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+"
);

/// Which runs of whitespace leave their last character to the word that follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Whitespace {
    /// The pattern matches none.
    None,
    /// All, as `\s+(?!\S)` has it.
    Any,
    /// Those without a line end, as `\s*[\r\n]+|\s+(?!\S)` has it.
    WithinLine,
}

/// A pre-tokenizer: how it cuts, and what else its name implies.
#[derive(Debug)]
pub(super) struct Words {
    stages: Vec<Stage>,
    /// A word that is a token as it stands is not merged together.
    pub(super) ignore_merges: bool,
    /// Whether a prompt begins with the BOS token where the file does not say.
    pub(super) add_bos: bool,
}

#[derive(Debug)]
struct Stage {
    pattern: Regex,
    whitespace: Whitespace,
}

impl Words {
    /// The pre-tokenizer of this name.
    ///
    /// # Errors
    /// [`TextError::UnknownPreTokenizer`]: a wrong guess would give a model that talks nonsense.
    pub(super) fn named(pre: &str) -> Result<Self, TextError> {
        use Whitespace::{Any, None, WithinLine};
        let plain = |stages: &[(&str, Whitespace)]| Self::new(stages, false);
        match pre {
            "default" => plain(&[
                (r"[\p{P}$+<=>^~|]+", None),
                (GPT2, Any),
                (r"\p{N}+", None),
                ("[0-9][0-9][0-9]", None),
            ]),
            "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de"
            | "a.x-4.0" | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais" | "trillion"
            | "granite-docling" | "exaone4" => plain(&[(GPT2, Any)]),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
                plain(&[(r"\p{N}", None), (GPT2, Any)])
            }
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0"
            | "lfm2" => Self::new(&[(LLAMA3, WithinLine)], true),
            "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => plain(&[(LLAMA3, WithinLine)]),
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "megrez" | "stablelm2" | "hunyuan" | "solar-open"
            | "grok-2" => plain(&[(QWEN2, WithinLine)]),
            "qwen35" => plain(&[(QWEN35, WithinLine)]),
            "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => plain(&[(GPT4O, WithinLine)]),
            "tekken" => Self::new(&[(TEKKEN, WithinLine)], true),
            _ => Err(TextError::UnknownPreTokenizer { pre: pre.to_owned() }),
        }
    }

    /// The vocabularies that look words up whole are also those that begin with BOS.
    fn new(stages: &[(&str, Whitespace)], whole_words: bool) -> Result<Self, TextError> {
        let compile = |&(pattern, whitespace): &(&str, Whitespace)| match Regex::new(pattern) {
            Ok(pattern) => Ok(Stage { pattern, whitespace }),
            Err(error) => Err(bad(error.to_string())),
        };
        let stages = stages.iter().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { stages, ignore_merges: whole_words, add_bos: whole_words })
    }

    /// Hands over the words of `text`, which together are the text.
    pub(super) fn split(
        &self,
        text: &str,
        word: &mut dyn FnMut(&str) -> Result<(), TextError>,
    ) -> Result<(), TextError> {
        cut(&self.stages, text, word)
    }
}

/// Cuts by the first stage, and each piece by the stages after it.
fn cut(
    stages: &[Stage],
    text: &str,
    word: &mut dyn FnMut(&str) -> Result<(), TextError>,
) -> Result<(), TextError> {
    let Some((stage, rest)) = stages.split_first() else { return word(text) };
    let mut at = 0;
    while let Some(found) = stage.pattern.find_at(text, at) {
        // What lies between matches is a piece of its own.
        if at < found.start() {
            cut(rest, &text[at..found.start()], word)?;
        }
        at = stage.end_of(text, found.range());
        cut(rest, &text[found.start()..at], word)?;
    }
    if at < text.len() {
        cut(rest, &text[at..], word)?;
    }
    Ok(())
}

impl Stage {
    /// Where a match ends once the look-ahead is honoured: whitespace that text follows gives up its last character,
    /// unless that is all there is. Only `\s+` matches something that ends in whitespace, and it is greedy, so what
    /// follows is not whitespace.
    fn end_of(&self, text: &str, found: std::ops::Range<usize>) -> usize {
        let matched = &text[found.clone()];
        let last = match matched.chars().next_back() {
            Some(last) if last.is_whitespace() && found.end < text.len() => last,
            _ => return found.end,
        };
        let gives_up = match self.whitespace {
            Whitespace::None => false,
            Whitespace::Any => true,
            Whitespace::WithinLine => !matches!(last, '\r' | '\n'),
        };
        if gives_up && last.len_utf8() < matched.len() { found.end - last.len_utf8() } else { found.end }
    }
}

#[cfg(test)]
mod tests {
    use super::Words;
    use crate::TextError;

    fn words(pre: &str, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut push = |word: &str| -> Result<(), TextError> {
            words.push(word.to_owned());
            Ok(())
        };
        Words::named(pre).unwrap().split(text, &mut push).unwrap();
        words
    }

    #[test]
    fn whitespace_leaves_its_last_character_to_the_word() {
        assert_eq!(words("gpt-2", "a  b\n\nc \t "), ["a", " ", " b", "\n", "\n", "c", " \t "]);
        assert_eq!(words("llama-bpe", "a  b\n\nc \n  d"), ["a", " ", " b", "\n\n", "c", " \n", " ", " d"]);
    }

    #[test]
    fn digits_and_contractions() {
        assert_eq!(words("llama-bpe", "12345 I'LL"), ["123", "45", " I", "'LL"]);
        assert_eq!(words("qwen2", "12 we're"), ["1", "2", " we", "'re"]);
        assert_eq!(words("smollm", "a 12"), ["a", " ", "1", "2"]);
        assert_eq!(words("gpt-2", "a 12'S"), ["a", " 12", "'", "S"]);
        assert_eq!(words("gpt-4o", "HelloWorld can't"), ["Hello", "World", " can't"]);
    }

    #[test]
    fn names_what_it_does_not_know() {
        let error = Words::named("martian").unwrap_err();
        assert!(error.to_string().contains("martian"));
        assert_eq!(error.code(), "unsupported-tokenizer");
    }
}
