//! How byte-level BPE vocabularies cut text into words before merging (`tokenizer.ggml.pre`).

use super::cut::Cut;
use crate::TextError;

const GPT2: Cut = Cut::Gpt2;
const LLAMA3: Cut = Cut::Cl100k { digits: 3, marks: false };
const QWEN2: Cut = Cut::Cl100k { digits: 1, marks: false };
const QWEN35: Cut = Cut::Cl100k { digits: 1, marks: true };
const GPT4O: Cut = Cut::O200k { digits: 3, contractions: true };
const TEKKEN: Cut = Cut::O200k { digits: 1, contractions: false };

/// A pre-tokenizer: how it cuts, and what else its name implies.
#[derive(Debug)]
pub(super) struct Words {
    /// Each cuts the pieces that those before it leave.
    cuts: &'static [Cut],
    /// A word that is a token as it stands is not merged together.
    pub(super) ignore_merges: bool,
    /// Whether a prompt begins with the BOS token where the file does not say.
    pub(super) add_bos: bool,
}

impl Words {
    /// The pre-tokenizer of this name.
    ///
    /// # Errors
    /// [`TextError::UnknownPreTokenizer`]: a wrong guess would give a model that talks nonsense.
    pub(super) fn named(pre: &str) -> Result<Self, TextError> {
        // The vocabularies that look words up whole are also those that begin with BOS.
        let (cuts, whole_words): (&[Cut], bool) = match pre {
            "default" => (&[Cut::Signs, GPT2, Cut::Digits, Cut::ThreeDigits], false),
            "gpt-2" | "phi-2" | "jina-es" | "jina-de" | "gigachat" | "jina-v2-es" | "jina-v2-de"
            | "a.x-4.0" | "mellum" | "modern-bert" | "mpt" | "olmo" | "jais" | "trillion"
            | "granite-docling" | "exaone4" => (&[GPT2], false),
            "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" => {
                (&[Cut::Digit, GPT2], false)
            }
            "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0"
            | "lfm2" => (&[LLAMA3], true),
            "dbrx" | "smaug-bpe" | "glm4" | "chatglm-bpe" => (&[LLAMA3], false),
            "qwen2" | "deepseek-r1-qwen" | "kormo" | "megrez" | "stablelm2" | "hunyuan" | "solar-open"
            | "grok-2" => (&[QWEN2], false),
            "qwen35" => (&[QWEN35], false),
            "gpt-4o" | "llama4" | "kanana2" | "minimax-m2" => (&[GPT4O], false),
            "tekken" => (&[TEKKEN], true),
            _ => return Err(TextError::UnknownPreTokenizer { pre: pre.to_owned() }),
        };
        Ok(Self { cuts, ignore_merges: whole_words, add_bos: whole_words })
    }

    /// Hands over the words of `text`, which together are the text.
    pub(super) fn split(
        &self,
        text: &str,
        word: &mut dyn FnMut(&str) -> Result<(), TextError>,
    ) -> Result<(), TextError> {
        split(self.cuts, text, word)
    }
}

/// Cuts by the first pattern, and each piece by the patterns after it. What lies between matches is a piece of its own.
fn split(
    cuts: &[Cut],
    text: &str,
    word: &mut dyn FnMut(&str) -> Result<(), TextError>,
) -> Result<(), TextError> {
    let Some((cut, rest)) = cuts.split_first() else { return word(text) };
    let (mut from, mut at) = (0, 0);
    while let Some(c) = text[at..].chars().next() {
        let length = cut.length(&text[at..]);
        if length == 0 {
            at += c.len_utf8();
            continue;
        }
        if from < at {
            split(rest, &text[from..at], word)?;
        }
        split(rest, &text[at..at + length], word)?;
        at += length;
        from = at;
    }
    if from < text.len() {
        split(rest, &text[from..], word)?;
    }
    Ok(())
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
